// What is said of the position that is asked: the meaning first, then in small what stands beside it: places, marks,
// and what was changed about the numbers before they were drawn.

import { descending, fill, percent, speak } from "./dom.js";
import { timesOf } from "./marked.js";
import { leading } from "./pointing.js";

const called = (axis, i) => axis.called?.(i) ?? axis.name(i);
const WORTH = 0.08; // from this share on a second word is named

// For screen readers `heard` has only what is locked, or hovering would never stop talking.
export function tell(card, lights, asked) {
  const { words, reading } = card.view,
    { axis, i } = asked,
    who = called(axis, i),
    first = leading(lights),
    unread = first?.forward && !first.lead.rows(axis.groups[i], reading).length;
  const said = unread ? [[words.never_input, {}]] : sentences(card, lights, first, asked);
  const named = { who: axis.place && axis.isPatch(i) ? words.this_patch : who };
  said.forEach(([template, values], x) => speak(card.say, template, { ...named, ...values }, x > 0));
  const quiet = [...(unread ? [] : beside(card, lights, first, asked)), ...changed(card, first, asked)];
  card.note.textContent = quiet.filter(Boolean).join(" · ");
  card.note.title = card.view.pin ? card.note.textContent : ""; // beside another pane it has one line
  if (card.hovered !== null) return;
  const top = first && !unread ? [...first.axis.told].sort((a, b) => first.weights[b] - first.weights[a]) : [];
  const list = top.slice(0, 3).map((x) => `${first.axis.name(x)} ${percent(first.weights[x], 1)}`);
  const text = fill(words.heard, { who, list: list.join(", ") });
  if (card.heard.textContent !== text) card.heard.textContent = text;
}

// [template, values] of each sentence.
function sentences(card, lights, first, { axis, i }) {
  const { words, turned } = card.view,
    said = [],
    back = lights.find((one) => one && !one.forward && one.lead.crosses);
  if (first) said.push(first.axis.shape === "grid" ? ofPatches(card.view, first, i) : ofWords(card.view, first, i));
  const readers = back?.axis.told.filter((x) => !back.axis.isMark?.(x));
  if (readers?.length) {
    const reader = readers.reduce((a, b) => (back.weights[b] > back.weights[a] ? b : a)),
      text = back.lead.written ? words.read_written : words.read_by;
    said.push([text, { reader: called(back.axis, reader), share: percent(back.weights[reader]) }]);
  }
  const refused = turned && card.leads.find(({ crosses, queries }) => crosses && queries === axis);
  if (refused) said.push([refused.keys.shape === "grid" ? words.object_column : words.target_column_source, {}]);
  return said;
}

// How few patches hold half of it, and how strong the strongest is, itself left out.
function ofPatches({ words, reading }, { axis, forward, lead, weights, shares }, i) {
  const sorted = [...axis.told].sort((a, b) => weights[b] - weights[a]),
    total = sorted.reduce((sum, p) => sum + weights[p], 0),
    patches = sorted.filter((p) => shares[p]).length;
  let half = 0,
    count = 0;
  while (half < total / 2 && count < sorted.length) half += weights[sorted[count++]];
  const itself = !lead.crosses && axis.told.includes(i),
    most = sorted.find((p) => !itself || p !== i) ?? i,
    values = { count: fill(words.of, { count, patches }), top: percent(weights[most], 1) };
  const other = itself ? "_other" : "",
    text = !forward ? `image_column${other}` : lead.written ? `image_${reading}` : `image_row${other}`;
  return [words[text], { ...values, times: timesOf(weights[most] / (shares[most] || 1)) }];
}

// The words that have most of it; marks only where nothing else is left.
function ofWords({ words, reading }, { axis, forward, weights, shares, lead }, i) {
  // Readers see different numbers of words: against their even shares they compare, as their arcs do.
  const ranked = forward ? weights : Array.from(weights, (weight, x) => weight / (shares[x] || 1)),
    others = descending(ranked).filter((x) => lead.crosses || (x !== i && weights[x] > 0)),
    content = others.filter((x) => !axis.isMark(x) && weights[x] > 0),
    [a, b] = content.length ? content : others.length ? others : [i],
    values = {
      first: called(axis, a),
      share: percent(weights[a]),
      second: called(axis, b ?? a),
      share2: percent(weights[b ?? a]),
    },
    more = b !== undefined && weights[b] >= WORTH ? "_two" : "";
  if (lead.crosses) return [words[`target_${reading}${more}`], values];
  if (forward) return [others.length ? words[`text_row${more}`] : words.text_alone, values];
  if (others.length) return [lead.written ? words.target_column : words[`text_column${more}`], values];
  return [lead.trace.causal ? words.target_unread : words.text_alone, values];
}

// Where it is, how sure the model was, and what rests on marks.
function beside(card, lights, first, { axis, i }) {
  const { words, turned, hide } = card.view,
    found = [],
    own = lights.find((one) => one && !one.lead.crosses),
    sure = axis.sure?.(i) ?? null;
  if (axis.place && axis.isPatch(i)) found.push(fill(words.at, axis.place(i)));
  if (sure !== null) found.push(fill(words.sure, { share: percent(sure) }));
  for (const { guesses, meta } of card.axes)
    if (guesses?.length) found.push(fill(words.unsure_words, { least: percent(meta.unsure), count: guesses.length }));
  if (own?.lead.trace.causal && !own.lead.written && own.forward && !turned && i < axis.groups.length - 1)
    found.push(fill(words.target_future, { count: axis.groups.length - 1 - i }));
  if (first && !first.lead.crosses && first.forward && !axis.special[axis.groups[i][0]] && first.weights[i] > 0)
    found.push(fill(words.on_itself, { share: percent(first.weights[i]) }));
  found.push(...ofParts(card, lights, first));
  const marked = lights.find((one) => one?.forward && isKin(one, first) && one.axis.special.includes(true));
  if (first?.forward && !hide && marked) {
    const { special, groups, shape, markNames } = marked.axis,
      share = groups.reduce((sum, group, x) => sum + (special[group[0]] ? marked.weights[x] : 0), 0);
    const text = shape === "grid" ? words.image_prefix : words.text_marks;
    found.push(fill(text, { share: percent(share), names: markNames }));
  }
  return found;
}

const isKin = (one, first) => first?.lead.trace.kin.includes(one.lead.trace);

// Of one attention over several things, what each of them gets.
function ofParts({ view: { words, method }, leads }, lights, first) {
  const parts = lights.filter((one) => one?.forward && isKin(one, first) && one.lead.trace.kin.length > 1);
  if (parts.length < 2 || method === "max") return [];
  const shares = parts.map(({ weights }) => weights.reduce((sum, w) => sum + w, 0)),
    name = ({ axis, lead }) => (axis.shape === "grid" ? "photo" : lead.crosses ? "prompt" : "written"),
    list = parts.map((one, x) => fill(words[`part_${name(one)}`], { share: percent(shares[x]) })),
    rest = 1 - shares.reduce((sum, share) => sum + share, 0);
  if (first.lead.trace.kin.some((trace) => !leads.some((lead) => lead.trace === trace)))
    list.push(fill(words.part_other, { share: percent(Math.max(0, rest)) }));
  return [fill(words.parts, { list: list.join(words.comma) })];
}

// Whether a patch cannot be seen from where it is asked; what is hidden is hatched, too.
function isCut(light) {
  const { axis, forward, lead } = light ?? {},
    taken = forward ? lead.trace.hidden : [];
  return axis?.lit?.closed?.some((one, p) => one && !taken.includes(p + axis.patches[0]));
}

// What was changed about the numbers.
function changed(card, first, { axis, i }) {
  const { view, leads, axes } = card,
    { words } = view,
    found = [];
  const missing = leads.find(({ trace }) => !trace.has(view.depth));
  if (missing) found.push(fill(words.fetching, { layer: missing.trace.wanted(view.depth) + 1 }));
  if (leads.some(({ written }) => written)) {
    if (view.reading === "input") found.push(words.reading_input_note);
  } else if (leads.some(({ trace, keys }) => trace.causal && keys.shape === "row")) found.push(words.causal_note);
  const shown = first?.lead ?? leads[0],
    kin = leads.filter(({ trace }) => shown.trace.kin.includes(trace)),
    names = kin.filter(({ keys }) => keys.special.includes(true)).map(({ keys }) => keys.markNames),
    count = kin.reduce((sum, { sinks }) => sum + sinks.length, 0);
  if (count) names.push(fill(words.sinks, { count }));
  if (view.hide && names.length) {
    const [{ trace }] = kin,
      [row] = first?.forward ? first.lead.rows(axis.groups[i], view.reading) : [],
      share = row === undefined ? "–" : percent(trace.hiddenShare(trace.at(card.depth), card.headsOf(trace), row));
    found.push(fill(words.hidden_note, { names: [...new Set(names)].join(words.comma), share }));
  }
  if (leads.some(({ trace }) => trace.edits?.length)) found.push(words.hand_edited);
  if (view.keep < 1) found.push(fill(words.keep_note, { share: percent(view.keep) }));
  const grids = axes.filter(({ shape }) => shape === "grid");
  if (view.scale === "rescaled")
    found.push(...grids.map(({ ends: [low, high] }) => fill(words.rescaled_note, { low, high })));
  if (grids.some(({ unseen }) => unseen.length)) found.push(words.cut_note);
  if (isCut(first)) found.push(first.forward ? words.closed_note : words.closed_note_turned);
  return [...found, card.meta.note];
}
