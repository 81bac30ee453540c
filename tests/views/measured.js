// All that the browser computes of the traces in a payload, for the tests; lists by layer, head (or method) and query.

import { Trace } from "../../core/views/linked/attention.js";
import { unpack } from "../../core/views/linked/bytes.js";

export const METHODS = ["mean", "max", "value"];

const range = (count) => [...Array(count).keys()];

export function measured(bytes) {
  const { header, buffer } = unpack(bytes);
  return header.traces.map((meta, x) => {
    const trace = new Trace(meta, buffer),
      { heads, queries, keys } = trace,
      all = range(heads);
    const each = (list, find) =>
      trace.layers.map((_, l) => list.map((one) => range(queries).map((i) => find(l, one, i))));
    const turned = (list, find) =>
      trace.layers.map((_, l) => list.map((one) => range(keys).map((j) => find(l, one, j))));
    const found = {
      half: meta.scores.map((one) => one.half),
      rows: each(all, (l, h, i) => [...trace.row(l, h, i)]),
      columns: turned(all, (l, h, j) => [...trace.column(l, h, j)]),
      merged: each(METHODS, (l, method, i) => [...trace.rowOf(l, all, i, method)]),
      shares: trace.layers.map((_, l) => range(queries).map((i) => trace.share(l, 0, i))),
    };
    trace.hide(header.hidden?.[x] ?? []);
    found.hidden = each(METHODS, (l, method, i) => [...trace.rowOf(l, all, i, method)]);
    found.hiddenColumns = turned(METHODS, (l, method, j) => [...trace.columnOf(l, all, j, method)]);
    return found;
  });
}

export const decoded = (text) => measured(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
