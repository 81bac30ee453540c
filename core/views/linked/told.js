// What is said of the position that is asked, and what was changed about the numbers before they were drawn.

import { descending, fill, percent, speak } from "./dom.js";
import { stepOf } from "./thumbnails.js";

// The light that is told first: on another axis, where there is one, else on its own.
function leading(lights) {
  const own = lights.find((one) => one && !one.lead.crosses);
  return lights.find((one) => one?.forward && one.lead.crosses) ?? own;
}

// The sentences under a card; for screen readers what stands in `heard`: only what is locked, or hovering would never
// stop talking.
export function tell(card, lights, { axis, i }) {
  const { view } = card,
    who = axis.name(i),
    first = leading(lights),
    unread = first?.forward && !first.lead.rows(axis.groups[i], view.reading).length;
  const said = unread ? [[view.words.never_input, { who }]] : sentences(card, lights, first, axis, i);
  said.forEach(([template, values], x) => speak(card.say, template, { who, ...values }, x > 0));
  if (card.hovered !== null) return;
  const named = first && !unread ? [...first.axis.told].sort((a, b) => first.weights[b] - first.weights[a]) : [];
  const list = named.slice(0, 3).map((x) => `${first.axis.name(x)} ${percent(first.weights[x], 1)}`);
  const text = fill(view.words.heard, { who, list: list.join(", ") });
  if (card.heard.textContent !== text) card.heard.textContent = text;
}

// [template, values] of each sentence.
function sentences(card, lights, first, axis, i) {
  const { words, turned, hide } = card.view,
    said = [],
    own = lights.find((one) => one && !one.lead.crosses),
    back = lights.find((one) => one && !one.forward && one.lead.crosses);
  if (first) said.push(first.axis.shape === "grid" ? ofPatches(words, first) : ofWords(words, first, i));
  if (back?.axis.told.length) {
    const reader = back.axis.told.reduce((a, b) => (back.weights[b] > back.weights[a] ? b : a));
    said.push([words.read_by, { reader: back.axis.name(reader), share: percent(back.weights[reader]) }]);
  }
  const later = axis.groups.length - 1 - i;
  if (own?.lead.trace.causal && !turned && later > 0) said.push([words.target_future, { count: later }]);
  if (first?.forward && !hide && first.axis.special.includes(true)) {
    const { special, groups, shape, markNames } = first.axis,
      share = groups.reduce((sum, group, x) => sum + (special[group[0]] ? first.weights[x] : 0), 0);
    said.push([
      shape === "grid" ? words.image_prefix : words.text_marks,
      { share: percent(share), names: markNames },
    ]);
  }
  const refused = turned && card.leads.find(({ crosses, queries }) => crosses && queries === axis);
  if (refused) said.push([refused.keys.shape === "grid" ? words.object_column : words.target_column_source, {}]);
  return said;
}

// How few patches hold half of it, and how strong the strongest is.
function ofPatches(words, { axis, forward, weights, shares }) {
  const sorted = [...axis.told].sort((a, b) => weights[b] - weights[a]),
    total = sorted.reduce((sum, p) => sum + weights[p], 0),
    times = weights[sorted[0]] / (shares[sorted[0]] || 1);
  let half = 0,
    count = 0;
  while (half < total / 2 && count < sorted.length) half += weights[sorted[count++]];
  const values = { count, patches: sorted.length, top: percent(weights[sorted[0]], 1) };
  return [forward ? words.image_row : words.image_column, { ...values, times: times.toFixed(times < 10 ? 1 : 0) }];
}

// The two that have most of it.
function ofWords(words, { axis, forward, weights, lead }, i) {
  const others = descending(weights).filter((x) => lead.crosses || (x !== i && weights[x] > 0)),
    [a, b] = [others[0] ?? i, others[1] ?? others[0] ?? i],
    values = {
      first: axis.name(a),
      share: percent(weights[a]),
      second: axis.name(b),
      share2: percent(weights[b]),
      own: percent(weights[i]),
    };
  if (lead.crosses) return [words.target_row, values];
  if (forward) return [others.length ? words.text_row : words.text_alone, values];
  if (others.length) return [lead.written ? words.target_column : words.text_column, values];
  return [lead.trace.causal ? words.target_unread : words.text_alone, values];
}

// What was changed about the numbers, in a line under the card.
export function notes(card, lights, { axis, i }) {
  const { view, leads, axes } = card,
    { words, depth } = view,
    found = [];
  const missing = leads.find(({ trace }) => !trace.has(depth));
  if (missing) found.push(fill(words.fetching, { layer: missing.trace.wanted(depth) + 1 }));
  if (leads.some(({ written }) => written)) found.push(words[`reading_${view.reading}_note`]);
  else if (leads.some(({ trace, keys }) => trace.causal && keys.shape === "row")) found.push(words.causal_note);
  const first = leading(lights),
    { keys, trace } = first?.lead ?? leads[0];
  if (view.hide && keys.special.includes(true)) {
    const [row] = first?.forward ? first.lead.rows(axis.groups[i], view.reading) : [],
      share = row === undefined ? "–" : percent(trace.hiddenShare(trace.at(depth), card.headsOf(trace), row));
    found.push(fill(words.hidden_note, { names: keys.markNames, share }));
  }
  if (view.grid !== "maps")
    found.push(fill(words.grid_note, { name: words[`grid_${view.grid}`], meaning: words[`grid_${view.grid}_help`] }));
  if (view.keep < 1) found.push(fill(words.keep_note, { share: percent(view.keep) }));
  const grids = axes.filter(({ shape }) => shape === "grid");
  if (view.scale === "rescaled")
    found.push(...grids.map(({ ends: [low, high] }) => fill(words.rescaled_note, { low, high })));
  if (view.smooth && grids.length) found.push(words.smooth_note);
  if (grids.some(({ unseen }) => unseen.length)) found.push(words.cut_note);
  const maps = leads.filter((lead) => lead.keys.shape !== "grid"),
    step = Math.max(1, ...maps.map((lead) => stepOf(Math.max(lead.trace.queries, lead.trace.keys))));
  if (step > 1 && view.grid === "maps") found.push(fill(words.sampled_note, { step }));
  return [...found, card.meta.note].filter(Boolean).join(" · ");
}
