// Attention recomputed in the browser: weight(i, j) = exp(q_i . k_j + bias_ij - lse_i), for any row, column, head or
// layer. The numbers come from core/views/linked/scores.py, which multiplies q by the scale and gives the log-sum-exp.

import { decodeHalf } from "./bytes.js";
import { changedRow, concerns } from "./edits.js";
import { elsewhere, leftOf } from "./left.js";

// One layer: how its scores are made. A number in float32 is read as it lies, one in float16 is decoded at first use.
class Layer {
  constructor(meta, buffer) {
    Object.assign(this, { meta, buffer, width: meta.width, causal: meta.causal });
    for (const name of ["norms", "lse", "flow"]) this[name] = new Float32Array(buffer, ...meta[name]);
    this.others = meta.others && new Float32Array(buffer, ...meta.others); // keys that a query sees in other parts
  }

  read(place) {
    return this.meta.half ? decodeHalf(this.buffer, place) : new Float32Array(this.buffer, ...place);
  }
  get q() {
    return (this.queries ??= this.read(this.meta.q));
  }
  get k() {
    return (this.keys ??= this.read(this.meta.k));
  }
  // What is added to the scores: { heads: that differ in it, at(h, i, j) }, and count(i) where that is known.
  get bias() {
    const { bias, windows } = this.meta;
    if (!bias && !windows) return null;
    return (this.added ??= windows ? new Windows(windows, this) : new Bias(bias, this.read(bias.at)));
  }
}

class Bias {
  constructor({ heads, queries }, values) {
    Object.assign(this, { heads, queries, values, keys: values.length / heads / queries });
  }
  at(h, i, j) {
    return this.values[((this.heads > 1 ? h : 0) * this.queries + (this.queries > 1 ? i : 0)) * this.keys + j];
  }
}

// Logarithms of finished weights, window by window; what lies outside a query's window cannot be seen
// (core/views/linked/windowed.py).
class Windows {
  constructor({ at, shape, place, keys }, layer) {
    Object.assign(this, { heads: 1, shape, values: layer.read(at) });
    this.place = new Int32Array(layer.buffer, ...place);
    this.keys = new Int32Array(layer.buffer, ...keys);
    this.inside = []; // of each window the place of a key there
  }
  // Where the row of a query begins.
  row(h, i) {
    const [, heads, n, keys] = this.shape;
    return ((this.place[i] * heads + h) * n + this.place[this.place.length / 2 + i]) * keys;
  }
  keysOf(i) {
    const window = this.place[i],
      [, , , keys] = this.shape;
    return (this.inside[window] ??= new Map(
      Array.from(this.keys.subarray(window * keys, (window + 1) * keys), (j, x) => [j, x]).filter(([j]) => j >= 0),
    ));
  }
  at(h, i, j) {
    const x = this.keysOf(i).get(j);
    return x === undefined ? -Infinity : this.values[this.row(h, i) + x];
  }
  count(i) {
    const from = this.row(0, i);
    let count = 0;
    for (const x of this.keysOf(i).values()) if (this.values[from + x] > -Infinity) count++;
    return count;
  }
}

export class Trace {
  constructor(meta, buffer) {
    Object.assign(this, meta); // kind, layers (numbers of those present), depth, heads, queries, keys, causal
    this.parts = meta.scores.map((one) => new Layer(one, buffer));
    this.hidden = []; // keys left out, the rest of each row divided by what is left
    this.edits = []; // what a person changed by hand (edits.js)
    this.kin = [this]; // the traces that one attention was told apart into, whose rows add up to 1
    this.cache = new Map();
  }

  added(l, h, i, j) {
    return this.parts[l].bias?.at(h, i, j) ?? 0;
  }

  weight(l, h, i, j) {
    const { q, k, width, lse, causal } = this.parts[l],
      at = h * this.queries + i;
    if (causal && j > i) return 0;
    const a = at * width,
      b = (h * this.keys + j) * width;
    let score = this.added(l, h, i, j);
    for (let x = 0; x < width; x++) score += q[a + x] * k[b + x];
    return Math.exp(score - lse[at]);
  }

  // As the model had it, or as a person changed it.
  shown(l, h, i, j) {
    const changed = this.edits.length ? this.changed(l, h, i) : null;
    return changed ? changed[j] : this.weight(l, h, i, j);
  }
  changed(l, h, i) {
    const own = this.edits.filter((edit) => concerns(edit, this.layers[l], h, i));
    if (!own.length) return null;
    return this.remember(`${l} ${h} ${i} changed`, () =>
      own.reduce(
        changedRow,
        Float32Array.from({ length: this.keys }, (_, j) => this.weight(l, h, i, j)),
      ),
    );
  }
  change(edits) {
    this.edits = edits;
    this.cache.clear();
  }

  hide(keys) {
    if (String(keys) === String(this.hidden)) return;
    this.hidden = keys;
    for (const one of this.kin) one.cache.clear();
  }

  // Whether a query of a head may see a key at all, by the mask and the flag of the call.
  open(l, h, i, j) {
    return !(this.parts[l].causal && j > i) && this.added(l, h, i, j) > -Infinity;
  }
  seen(l, h, i, j) {
    return this.open(l, h, i, j) && !this.hidden.includes(j);
  }

  // How many keys each query of a head may see; hidden ones count where `all`.
  counts(l, h, all = false) {
    const { bias, causal } = this.parts[l];
    return this.remember(`${l} ${bias?.heads > 1 ? h : 0} counts ${all}`, () =>
      Array.from({ length: this.queries }, (_, i) => {
        if (bias?.count && (all || !this.hidden.length)) return Math.max(1, bias.count(i));
        let count = elsewhere(this, l, h, i, all);
        if (!bias) {
          const last = causal ? Math.min(i + 1, this.keys) : this.keys;
          return Math.max(1, count + last - (all ? 0 : this.hidden.filter((j) => j < last).length));
        }
        for (let j = 0; j < this.keys; j++) if (all ? this.open(l, h, i, j) : this.seen(l, h, i, j)) count++;
        return Math.max(1, count);
      }),
    );
  }

  share(l, h, i) {
    return 1 / this.counts(l, h)[i];
  } // of one key, if all that are seen were equal

  // The even share of a key that is asked for itself: a hidden one is shown in whole rows.
  shareOf(l, h, i, j) {
    if (!this.open(l, h, i, j)) return 0;
    return 1 / this.counts(l, h, this.hidden.includes(j))[i];
  }

  // What each key of a row, or each query of a column, would have of several heads if what they see were equal.
  evenRow(l, heads, i, method) {
    const { bias, causal } = this.parts[l],
      even = new Float32Array(this.keys);
    if (bias) return this.even(l, heads, method, even, (h, j) => (this.seen(l, h, i, j) ? this.share(l, h, i) : 0));
    even.fill(this.share(l, 0, i), 0, causal ? i + 1 : this.keys);
    for (const j of this.hidden) even[j] = 0;
    return even;
  }
  evenColumn(l, heads, j, method) {
    return this.even(l, heads, method, new Float32Array(this.queries), (h, i) => this.shareOf(l, h, i, j));
  }

  even(l, heads, method, even, share) {
    const masks = this.parts[l].bias?.heads > 1 ? heads : heads.slice(0, 1);
    for (const h of masks)
      for (let x = 0; x < even.length; x++)
        if (method === "max") even[x] = Math.max(even[x], share(h, x));
        else even[x] += share(h, x) / masks.length;
    return even;
  }

  // Of a row, what is left to the keys that are not hidden (left.js).
  leftOf(l, h, i, byValue = false) {
    return leftOf(this, l, h, i, byValue);
  }
  left(l, h, byValue = false) {
    return this.remember(`${l} ${h} left ${byValue}`, () =>
      Float32Array.from({ length: this.queries }, (_, i) => this.leftOf(l, h, i, byValue)),
    );
  }

  remember(name, compute) {
    if (this.cache.size > 4000) this.cache.clear();
    if (!this.cache.has(name)) this.cache.set(name, compute());
    return this.cache.get(name);
  }

  row(l, h, i) {
    return this.remember(`${l} ${h} ${i}`, () => {
      const row = new Float32Array(this.keys),
        left = this.leftOf(l, h, i);
      for (let j = 0; j < this.keys; j++) row[j] = this.shown(l, h, i, j) / left;
      for (const j of this.hidden) row[j] = 0;
      return row;
    });
  }

  // Every `step`-th key of a row.
  some(l, h, i, step) {
    if (step === 1) return this.row(l, h, i);
    return this.remember(`${l} ${h} ${i} by ${step}`, () => {
      const left = this.leftOf(l, h, i),
        keys = Array.from({ length: Math.ceil(this.keys / step) }, (_, x) => x * step);
      return Float32Array.from(keys, (j) => (this.hidden.includes(j) ? 0 : this.shown(l, h, i, j) / left));
    });
  }

  column(l, h, j) {
    return this.remember(`${l} ${h} to ${j}`, () => {
      const column = new Float32Array(this.queries),
        left = this.left(l, h);
      const whole = this.hidden.includes(j); // asked for itself, a hidden key is shown
      for (let i = 0; i < this.queries; i++) column[i] = this.shown(l, h, i, j) / (whole ? 1 : left[i]);
      return column;
    });
  }

  // Several heads as one vector, by the method: mean, max, or value (weight x length of the value, renormalised).
  rowOf(l, heads, i, method) {
    const row = new Float32Array(this.keys);
    for (const h of heads) {
      const vector = this.row(l, h, i),
        norms = this.parts[l].norms.subarray(h * this.keys, (h + 1) * this.keys);
      for (let j = 0; j < row.length; j++) {
        if (method === "max") row[j] = Math.max(row[j], vector[j]);
        else row[j] += (method === "value" ? vector[j] * norms[j] : vector[j]) / heads.length;
      }
    }
    if (method !== "value") return row;
    const whole = (h) => this.leftOf(l, h, i, true) / this.leftOf(l, h, i) / heads.length,
      part = this.kin.length > 1,
      total = part ? heads.reduce((sum, h) => sum + whole(h), 0) : row.reduce((a, b) => a + b, 0);
    return row.map((w) => w / (total || 1));
  }

  columnOf(l, heads, j, method) {
    const column = new Float32Array(this.queries),
      totals = new Float32Array(this.queries);
    for (const h of heads) {
      const vector = this.column(l, h, j),
        norm = this.parts[l].norms[h * this.keys + j];
      const whole = this.hidden.includes(j),
        left = this.left(l, h);
      const flow =
        method !== "value" ? null : whole ? this.parts[l].flow.subarray(h * this.queries) : this.left(l, h, true);
      for (let i = 0; i < column.length; i++) {
        if (method === "max") column[i] = Math.max(column[i], vector[i]);
        else column[i] += (method === "value" ? vector[i] * norm : vector[i]) / heads.length;
        if (flow) totals[i] += flow[i] / (whole ? 1 : left[i]) / heads.length;
      }
    }
    return method === "value" ? column.map((w, i) => w / (totals[i] || 1)) : column;
  }

  // What share of a row the hidden keys hold, mean over heads.
  hiddenShare(l, heads, i) {
    return heads.reduce((sum, h) => sum + 1 - this.leftOf(l, h, i), 0) / heads.length;
  }

  // The layer at a relative depth from 0 (first) to 1 (last), as an index into the layers that are here.
  at(depth) {
    const wanted = depth * (this.depth - 1);
    let best = 0;
    this.layers.forEach((number, l) => {
      if (Math.abs(number - wanted) < Math.abs(this.layers[best] - wanted)) best = l;
    });
    return best;
  }

  // The number of the layer at this depth, and whether it is here; above the byte budget only one is.
  wanted(depth) {
    return Math.round(depth * (this.depth - 1));
  }
  has(depth) {
    return this.layers.includes(this.wanted(depth));
  }
}
