// What a person changes by hand: keys that are shut, or given another share of the row, for some queries, heads and
// layers; the rest of the row takes over in proportion. Text and numbers are those of core/attention/byhand.py.

const ALL = "a";
const numbers = (text) => (text === ALL ? null : text.split(".").map((one) => Number(one) - 1));
const listed = (all) => (all === null ? ALL : all.map((one) => one + 1).join("."));

// "cross-2-a-3-1.2-40" -> { kind, layer, head, queries, keys, share }; null stands for all. The server checks it.
export function readEdits(text) {
  return text
    .split(",")
    .filter(Boolean)
    .map((one) => {
      const [kind, layer, head, queries, keys, share] = one.split("-");
      return {
        kind,
        layer: numbers(layer)?.[0] ?? null,
        head: numbers(head)?.[0] ?? null,
        queries: numbers(queries),
        keys: numbers(keys),
        share: Number(share ?? 0) / 100,
      };
    });
}

export const placeOf = ({ kind, layer, head, queries, keys }) =>
  [kind, ...[layer, head].map((one) => listed(one === null ? null : [one])), listed(queries), listed(keys)].join("-");

export function writeEdits(edits) {
  return edits
    .map((edit) => placeOf(edit) + (edit.share ? `-${Number((100 * edit.share).toPrecision(4))}` : ""))
    .join(",");
}

export function concerns({ layer, head, queries }, ofLayer, h, i) {
  return (layer ?? ofLayer) === ofLayer && (head ?? h) === h && (queries?.includes(i) ?? true);
}

// A row with one edit more. It stays as it is where none of its keys has any weight; and where none of the others has,
// unless they are shut.
export function changedRow(row, { keys, share }) {
  const mine = keys.reduce((sum, j) => sum + (row[j] ?? 0), 0),
    whole = row.reduce((a, b) => a + b, 0),
    held = new Set(keys),
    rest = row.reduce((sum, w, j) => sum + (held.has(j) ? 0 : w), 0);
  if (!(mine > 0) || !(rest > 0 || share === 0)) return row;
  return row.map((w, j) => (held.has(j) ? (whole * share * w) / mine : rest && (whole * (1 - share) * w) / rest));
}
