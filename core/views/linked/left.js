// What of a row is left to the keys that are not hidden. One attention may be told apart into parts, each a trace with
// keys of its own (core/attention/parts.py): then what is hidden in one part is given to all of them.

// With the value method, of weight x value length. Where that is little, it is summed: a difference of numbers near 1
// would have no digits left. A row that was changed is made where it is needed alone: changes of all queries would make
// all of them.
export function leftOf(trace, l, h, i, byValue) {
  const isOther = byValue && trace.changed(l, h, i) !== null,
    whole = byValue ? trace.parts[l].flow[h * trace.queries + i] : 1,
    { kin } = trace;
  if (!kin.some(({ hidden }) => hidden.length) && !isOther) return whole;
  let left = whole;
  for (const one of kin) for (const j of one.hidden) left -= worth(one, l, h, i, j, byValue);
  if (left > 0.01 * whole && !isOther) return left;
  left = 0;
  for (const one of kin)
    for (let j = 0; j < one.keys; j++) if (one.seen(l, h, i, j)) left += worth(one, l, h, i, j, byValue);
  return left || 1;
}

function worth(trace, l, h, i, j, byValue) {
  return trace.shown(l, h, i, j) * (byValue ? trace.parts[l].norms[h * trace.keys + j] : 1);
}

// How many keys a query sees in other parts of its attention; hidden ones count where `all`.
export function elsewhere(trace, l, h, i, all) {
  const { others } = trace.parts[l];
  if (!others || all) return others?.[i] ?? 0;
  const hidden = (one) => (one === trace ? 0 : one.hidden.filter((j) => one.open(l, h, i, j)).length);
  return others[i] - trace.kin.reduce((sum, one) => sum + hidden(one), 0);
}

// The traces of a card that are parts of one attention know each other.
export function related(traces) {
  const parts = traces.filter(({ parts: [first] }) => first.others);
  for (const one of parts) one.kin = parts;
}
