// What B has that A has not, where both lie on the same ground: a light of differences, and the one sentence for it.

import { fill } from "./dom.js";
import { leading } from "./pointing.js";

const LITTLE = 0.005; // of all attention, below which nothing moved
const NET = 0.25; // of what moved: what a region has to win or lose for it to be told
const DOUBLINGS = 6; // log2 of 64: where the two-sided scale ends

// Of each group of b the group of a at the same place, -1 where a has none.
function matching(a, b) {
  const places = new Map(a.groups.map((_, i) => [a.placeOf(i), i]));
  return b.groups.map((_, i) => places.get(b.placeOf(i)) ?? -1);
}

// A light of differences on the axis of b, or null where there is none to draw. asked: the group of a that A asks.
export function changeOf(axisA, lightA, axisB, lightB, asked) {
  if (!axisA || !lightA || !lightB || axisB.differs(axisA)) return null;
  const match = matching(axisA, axisB),
    before = Float32Array.from(match, (i) => (i < 0 ? 0 : lightA.weights[i])),
    even = match.map((i, j) => (i < 0 ? lightB.shares[j] : lightA.shares[i])),
    times = lightB.weights.map((w, j) => w / (lightB.shares[j] || 1) - before[j] / (even[j] || 1)),
    left = [...lightA.weights.keys()].filter((i) => !match.includes(i)); // of a alone
  return {
    ...lightB,
    weights: lightB.weights.map((w, j) => w - before[j]),
    change: {
      before,
      times,
      asked: match.indexOf(asked),
      flows: lightA.forward && lightB.forward,
      left: left.map((i) => ({ ...axisA.region(i), weight: -lightA.weights[i] })),
    },
  };
}

// A change on the chosen scale: -1 to 1, 0 where nothing moved; and the numbers at its ends.
export function placed({ weights, change }, scale) {
  if (scale === "raw") return weights;
  if (scale === "uniform")
    return change.times.map((d) => Math.sign(d) * Math.min(1, Math.log2(1 + Math.abs(d)) / DOUBLINGS));
  const most = Math.max(...weights.map(Math.abs)) || 1;
  return weights.map((d) => d / most);
}

export const points = (share, digits) => (100 * Math.abs(share)).toFixed(digits ?? (Math.abs(share) < 0.0995 ? 1 : 0));
export const signed = (value, text) => `${value < 0 ? "−" : "+"}${text}`;

// [template, values] of the one sentence. lights: the differences; a, b: the lights of both; names: of their axes.
export function movedSentence({ words }, a, b, lights) {
  const lead = leading(b.lights)?.axis,
    told = lights.find((one) => one && one.axis === lead) ?? lights.find(Boolean);
  if (!told) {
    const x = Math.max(0, b.card.axes.indexOf(lead)),
      { why, ...values } = (a.card.axes[x] && b.card.axes[x].differs(a.card.axes[x])) ?? { why: "differ_lit" };
    return [words[why], values];
  }
  const { weights, change, axis } = told,
    all = [...[...weights].map((weight, i) => ({ ...axis.region(i), weight, times: change.times[i] })), ...change.left];
  const regions = new Map();
  for (const { key, name, weight, times = 0 } of all) {
    const one = regions.get(key) ?? { name, weight: 0, times: 0, count: 0 };
    regions.set(key, { name, weight: one.weight + weight, times: one.times + times, count: one.count + 1 });
  }
  const moved = all.reduce((sum, { weight }) => sum + Math.abs(weight), 0) / 2,
    by = (size) => {
      const found = [...regions.values()].map((one) => ({ name: one.name, by: size(one) })).sort((x, y) => x.by - y.by);
      return { from: found[0], to: found.at(-1) };
    };
  if (!change.flows) {
    const { from, to } = by(({ times, count }) => times / count),
      [lost, gained] = [-from.by, to.by].map((one) => Math.max(0, one).toFixed(1));
    return [words.moved_even, { from: from.name, to: to.name, lost, gained }];
  }
  if (moved < LITTLE) return [words.moved_nothing, {}];
  const { from, to } = by(({ weight }) => weight),
    most = Math.max(-from.by, to.by),
    [gone, come] = [-from.by, to.by].map((one) => one >= NET * moved),
    text = gone ? (come ? "moved" : "moved_from") : come ? "moved_to" : "moved_near",
    values = { moved: points(moved), from: from.name, to: to.name, lost: points(from.by), gained: points(to.by) };
  return [words[text], { ...values, most: points(most) }];
}

// What one group had and has, for whoever points at it.
export function movedAt({ words }, axis, i, { weights, change }) {
  const [before, after] = [change.before[i], change.before[i] + weights[i]].map((w) => `${points(w, 1)}%`);
  return fill(words.moved_at, { name: axis.name(i), before, after, by: signed(weights[i], points(weights[i], 1)) });
}
