// The browser's arithmetic without a page: `node --test tests/views`. Against the library's numbers: test_weights.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Trace } from "../../core/views/linked/attention.js";
import { decodeHalf, unpack } from "../../core/views/linked/bytes.js";
import { mixed, scaled, topMass } from "../../core/views/linked/colour.js";
import { Lead, lit } from "../../core/views/linked/pointing.js";
import { readState, writeState } from "../../core/views/linked/state.js";

// One layer and one head of width 1, whose scores are 1 x the logarithms of `weights`.
function traced(weights, { causal = false, bias = null, queries = 1, norms = null } = {}) {
  const keys = weights.length,
    numbers = [],
    add = (list) => [numbers.push(...list) * 4 - list.length * 4, list.length];
  const q = add(Array(queries).fill(1)),
    k = add(weights.map(Math.log));
  const rows = [...Array(queries).keys()].map((i) =>
    weights.map((w, j) => {
      const added = bias ? bias[(bias.length > keys ? i * keys : 0) + j] : 0;
      return causal && j > i ? 0 : w * Math.exp(added);
    }),
  );
  const sums = rows.map((row) => row.reduce((a, b) => a + b, 0)),
    lengths = norms ?? Array(keys).fill(1);
  const layer = {
    half: false,
    width: 1,
    causal,
    q,
    k,
    norms: add(lengths),
    lse: add(sums.map(Math.log)),
    flow: add(rows.map((row, i) => row.reduce((a, w, j) => a + w * lengths[j], 0) / sums[i])),
    bias: bias && { heads: 1, queries: bias.length / keys, at: add(bias) },
  };
  const meta = { kind: "encoder", layers: [0], depth: 1, heads: 1, queries, keys, causal, scores: [layer] };
  return new Trace(meta, new Float32Array(numbers).buffer);
}

const near = (found, expected) => {
  assert.equal(found.length, expected.length);
  found.forEach((x, i) => assert.ok(Math.abs(x - expected[i]) < 1e-6, `${[...found]} is not ${expected}`));
};

test("a half is decoded: normal, subnormal, infinite, no number", () => {
  const codes = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7c00, 0xfc00, 0x7e00, 0x7bff]);
  assert.deepEqual([...decodeHalf(codes.buffer, [0, 7])], [1, -2, 2 ** -24, Infinity, -Infinity, NaN, 65504]);
});

test("a payload is a length, a header and arrays", () => {
  const header = new TextEncoder().encode('{"a":"ä"}  ');
  const bytes = new Uint8Array([header.length, 0, 0, 0, ...header, 7, 8]);
  const { header: read, arrays } = unpack(bytes);
  assert.deepEqual(read, { a: "ä" });
  assert.deepEqual([...new Uint8Array(arrays())], [7, 8]);
});

test("a row is the softmax of its scores", () => near(traced([1, 3, 4]).row(0, 0, 0), [0.125, 0.375, 0.5]));

test("what is causal stays causal, and even shares are of what is seen", () => {
  const trace = traced([1, 3, 4], { causal: true, queries: 3 });
  near(trace.row(0, 0, 1), [0.25, 0.75, 0]);
  near(trace.column(0, 0, 1), [0, 0.75, 0.375]);
  assert.deepEqual(
    [0, 1, 2].map((i) => trace.share(0, 0, i)),
    [1, 1 / 2, 1 / 3],
  );
});

test("a bias counts, also where the flag is causal, and what it closes is not seen", () => {
  const bias = [Math.log(3), 0, -Infinity];
  near(traced([1, 3, 4], { bias }).row(0, 0, 0), [0.5, 0.5, 0]);
  const trace = traced([1, 3, 4], { bias, causal: true, queries: 2 });
  near(trace.row(0, 0, 0), [1, 0, 0]);
  near(trace.row(0, 0, 1), [0.5, 0.5, 0]);
  assert.equal(traced([1, 3, 4], { bias }).share(0, 0, 0), 1 / 2);
});

test("of hidden marks the rest is divided by what is left, however little that is", () => {
  const trace = traced([96, 3, 1]);
  trace.hide([0]);
  near(trace.row(0, 0, 0), [0, 0.75, 0.25]);
  near(trace.column(0, 0, 2), [0.25]);
  near(trace.column(0, 0, 0), [0.96]); // asked for itself, it is shown in whole rows
  assert.equal(trace.share(0, 0, 0), 1 / 2);
  assert.equal(trace.shareOf(0, 0, 0, 0), 1 / 3);
  const sink = traced([1e8, 3, 1]);
  sink.hide([0]);
  sink.row(0, 0, 0).forEach((w, j) => assert.ok(Math.abs(w - [0, 0.75, 0.25][j]) < 1e-5, `${w}`));
});

test("of edits of all queries, a row makes its own alone", () => {
  for (const hidden of [[], [0]]) {
    const trace = traced([1, 3, 4, 2, 2, 4], 2),
      made = new Set(),
      changed = trace.changed.bind(trace);
    trace.changed = (l, h, i) => made.add(i) && changed(l, h, i);
    trace.hide(hidden);
    trace.change([{ kind: "encoder", layer: null, head: null, queries: null, keys: [1], share: 0 }]);
    trace.row(0, 0, 1);
    assert.deepEqual([...made], [1]);
  }
});

test("weight x value length is divided by its own sum, in rows and columns, with marks hidden too", () => {
  const trace = traced([1, 3, 4], { norms: [2, 1, 0.5] });
  near(trace.rowOf(0, [0], 0, "value"), [2 / 7, 3 / 7, 2 / 7]);
  near(trace.columnOf(0, [0], 1, "value"), [3 / 7]);
  trace.hide([0]);
  near(trace.rowOf(0, [0], 0, "value"), [0, 3 / 5, 2 / 5]);
  near(trace.columnOf(0, [0], 1, "value"), [3 / 5]);
  near(trace.columnOf(0, [0], 0, "value"), [2 / 7]);
});

test("the fewest positions that hold a share", () => {
  assert.deepEqual([...topMass([0.1, 0.5, 0.4], 0.5)], [0, 1, 0]);
  assert.deepEqual([...topMass([0.1, 0.5, 0.4], 0.51)], [0, 1, 1]);
  assert.deepEqual([...topMass([0.1, 0.5, 0.4], 1)], [1, 1, 1]);
});

test("colour: 1/8 of even is 0, 64 times even is 1; hues are mixed by squares", () => {
  near(scaled([1 / 32, 1 / 4, 16], [1 / 4, 1 / 4, 1 / 4], "uniform").t, [0, 1 / 3, 1]);
  near(scaled([2, 4, 3], [1, 1, 1], "rescaled").t, [0, 1, 0.5]);
  assert.deepEqual(
    mixed(
      [0.8, 0.2],
      [
        [255, 0, 0],
        [0, 0, 255],
      ],
    ),
    [240, 0, 15],
  );
});

test("a state is written as it is read, and damage is left out", () => {
  const text = "depth_0.5~method_max~image_57.0.2~sentence_t2";
  const { state, cards } = readState(text);
  assert.equal(state.depth, 0.5);
  assert.deepEqual(cards, { image: "57.0.2", sentence: "t2" });
  const chosen = { image: { at: "57", heads: [0, 2] }, sentence: { at: "t2", heads: null } };
  assert.equal(writeState(state, chosen), text);
  assert.equal(readState("depth_x~constructor_y~method_none~~").state.depth, 0.91);
});

// Two axes: three positions, of which the first has no content, and two groups of three outputs behind a start mark.
function leads() {
  const read = { groups: [[0], [1], [2]], special: [true, false, false], start: 0 },
    written = { groups: [[0], [1, 2]], special: [false, false, false], start: 0 },
    axes = [read, written];
  const lead = (trace, queries, keys, more = {}) => new Lead({ queries, keys, written: false, behind: 0, sinks: [], ...more }, trace, axes);
  return {
    axes,
    encoder: lead(traced([1, 3, 4], { queries: 3 }), 0, 0),
    decoder: lead(traced([1, 1, 2], { queries: 3, causal: true }), 1, 1, { written: true, behind: 1 }),
    cross: lead(traced([1, 3, 4], { queries: 3 }), 1, 0, { written: true }),
  };
}
const looks = { depth: 1, turned: false, method: "mean", reading: "output" };
const pointed = (axis, group, choice = looks) => {
  const { axes, ...all } = leads();
  return lit(Object.values(all), axes, axes[axis], group, choice, [0]).map((one) => one && [...one.weights]);
};

test("from a position every axis is lit that a trace leads to, in the chosen direction; across always back", () => {
  const turned = { ...looks, turned: true };
  const [own, readers] = pointed(0, [1]);
  near(own, [0.125, 0.375, 0.5]);
  near(readers, [0.375, 0.375]);
  near(pointed(0, [1], turned)[0], [0.375, 0.375, 0.375]);
  near(pointed(0, [1], turned)[1], [0.375, 0.375]);
  const [source, said] = pointed(1, [1, 2]);
  near(source, [0.125, 0.375, 0.5]);
  near(said, [(1 / 2 + 1 / 4) / 2, 1 / 4]); // keys are one behind: key 1 is output 0
  assert.equal(pointed(1, [0], turned)[0], null);
  near(pointed(1, [0], turned)[1], [0, (1 / 2 + 1 / 4) / 2]);
});

test("a position asks in the row that writes it, or in the one that has just read it", () => {
  const { cross, decoder, encoder } = leads();
  assert.deepEqual(cross.rows([1, 2], "output"), [1, 2]);
  assert.deepEqual(cross.rows([1, 2], "input"), [2]);
  assert.deepEqual(encoder.rows([1, 2], "input"), [1, 2]);
  assert.deepEqual(decoder.columns([1, 2]), [2]);
  assert.deepEqual(decoder.marks, [0]);
  assert.deepEqual(cross.marks, [0]);
  assert.deepEqual(Object.assign(cross, { sinks: [0, 2] }).marks, [0, 2]);
  const input = { ...looks, reading: "input" };
  near(pointed(1, [2], input)[0], [0, 0, 0]);
});

test("even shares are each head's own", () => {
  const trace = traced([1, 3, 4], { bias: [0, 0, -Infinity] });
  near(trace.evenRow(0, [0], 0, "mean"), [1 / 2, 1 / 2, 0]);
  trace.hide([0]);
  near(trace.evenRow(0, [0], 0, "mean"), [0, 1, 0]);
  near(trace.evenColumn(0, [0], 0, "mean"), [1 / 2]);
});
