// All that the browser computes of the traces in a payload, for the tests; lists by layer, head (or method) and query.

import { Trace } from "../../core/views/linked/attention.js";
import { unpack } from "../../core/views/linked/bytes.js";
import { related } from "../../core/views/linked/left.js";

export const METHODS = ["mean", "max", "value"];

const range = (count) => [...Array(count).keys()];

export function measured(bytes) {
  const { header, arrays } = unpack(bytes),
    buffer = arrays(),
    traces = header.traces.map((meta) => new Trace(meta, buffer));
  related(traces);
  const found = traces.map((trace, x) => ({ ...plain(trace), half: header.traces[x].scores.map((one) => one.half) }));
  traces.forEach((trace, x) => trace.hide(header.hidden?.[x] ?? []));
  return traces.map((trace, x) => ({ ...found[x], ...hidden(trace) }));
}

const each = (trace, list, find) =>
  trace.layers.map((_, l) => list.map((one) => range(trace.queries).map((i) => find(l, one, i))));
const turned = (trace, list, find) =>
  trace.layers.map((_, l) => list.map((one) => range(trace.keys).map((j) => find(l, one, j))));

function plain(trace) {
  const all = range(trace.heads);
  return {
    rows: each(trace, all, (l, h, i) => [...trace.row(l, h, i)]),
    columns: turned(trace, all, (l, h, j) => [...trace.column(l, h, j)]),
    merged: each(trace, METHODS, (l, method, i) => [...trace.rowOf(l, all, i, method)]),
    shares: trace.layers.map((_, l) => range(trace.queries).map((i) => trace.share(l, 0, i))),
  };
}

function hidden(trace) {
  const all = range(trace.heads);
  return {
    hidden: each(trace, METHODS, (l, method, i) => [...trace.rowOf(l, all, i, method)]),
    hiddenColumns: turned(trace, METHODS, (l, method, j) => [...trace.columnOf(l, all, j, method)]),
  };
}

export const decoded = (text) => measured(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
