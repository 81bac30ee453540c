// Attention recomputed in the browser: weight(i, j) = exp(q_i . k_j + bias_ij - lse_i), for any row, column, head or layer.
// The numbers come from core/views/linked/payload.py, which pre-multiplies q by the scale and gives the log-sum-exp of each row.

const HALF = (() => {
  const table = new Float32Array(65536);
  for (let u = 0; u < 65536; u++) {
    const sign = u >> 15 ? -1 : 1, exponent = (u >> 10) & 31, fraction = u & 1023;
    if (exponent === 31) table[u] = fraction ? NaN : sign * Infinity;
    else table[u] = exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * fraction * 2 ** -24;
  }
  return table;
})();

function decodeHalf(buffer, [offset, length]) {
  const codes = new Uint16Array(buffer, offset, length), numbers = new Float32Array(length);
  for (let i = 0; i < length; i++) numbers[i] = HALF[codes[i]];
  return numbers;
}

// bytes: [header length, uint32][header JSON, padded to 8][arrays]. Offsets in the header count from the arrays' start.
function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, buffer: bytes.slice(4 + length).buffer };
}

class Trace {
  constructor(meta, buffer) {
    Object.assign(this, meta); // kind, layers (numbers of those present), depth, heads, queries, keys, width, causal
    this.q = decodeHalf(buffer, meta.q);
    this.k = decodeHalf(buffer, meta.k);
    this.norms = decodeHalf(buffer, meta.norms);
    this.lse = new Float32Array(buffer, ...meta.lse);
    this.flow = new Float32Array(buffer, ...meta.flow); // of each row: sum of weight x value length
    this.hidden = []; // keys left out, the rest of each row divided by what is left
    this.biases = meta.biases.map((b) => b && { ...b, values: decodeHalf(buffer, b.at) });
    this.cache = new Map();
  }

  weight(l, h, i, j) {
    const w = this.width, a = ((l * this.heads + h) * this.queries + i) * w, b = ((l * this.heads + h) * this.keys + j) * w;
    let score = 0;
    for (let x = 0; x < w; x++) score += this.q[a + x] * this.k[b + x];
    const bias = this.biases[l];
    if (bias) score += bias.values[((bias.heads > 1 ? h : 0) * bias.queries + (bias.queries > 1 ? i : 0)) * this.keys + j];
    return Math.exp(score - this.lse[(l * this.heads + h) * this.queries + i]);
  }

  hide(keys) { if (String(keys) !== String(this.hidden)) { this.hidden = keys; this.cache.clear(); } }
  visible(i) { return this.causal ? i + 1 : this.keys; }
  seen(i, j) { return j < this.visible(i) && !this.hidden.includes(j); }
  share(i) { return 1 / Math.max(1, this.visible(i) - this.hidden.filter((j) => j < this.visible(i)).length); } // of one key, if all were equal

  // Of each row, what is left to the keys that are not hidden; with the value method, of weight x value length.
  left(l, h, byValue = false) {
    return this.remember(`${l} ${h} left ${byValue}`, () => Float32Array.from({ length: this.queries }, (_, i) => {
      let left = byValue ? this.flow[(l * this.heads + h) * this.queries + i] : 1;
      for (const j of this.hidden) if (j < this.visible(i)) left -= this.weight(l, h, i, j) * (byValue ? this.norms[(l * this.heads + h) * this.keys + j] : 1);
      return Math.max(left, 1e-6);
    }));
  }

  remember(name, compute) {
    if (this.cache.size > 4000) this.cache.clear();
    if (!this.cache.has(name)) this.cache.set(name, compute());
    return this.cache.get(name);
  }

  row(l, h, i) {
    return this.remember(`${l} ${h} ${i}`, () => {
      const row = new Float32Array(this.keys), left = this.left(l, h)[i];
      for (let j = 0; j < this.visible(i); j++) row[j] = this.weight(l, h, i, j) / left;
      for (const j of this.hidden) row[j] = 0;
      return row;
    });
  }

  column(l, h, j) {
    return this.remember(`${l} ${h} to ${j}`, () => {
      const column = new Float32Array(this.queries), left = this.left(l, h), whole = this.hidden.includes(j); // asked for itself, a hidden key is shown
      for (let i = this.causal ? j : 0; i < this.queries; i++) column[i] = this.weight(l, h, i, j) / (whole ? 1 : left[i]);
      return column;
    });
  }

  // Several heads as one vector, by the method: mean, max, or value (weight x length of the value vector, renormalised).
  rowOf(l, heads, i, method) {
    const row = new Float32Array(this.keys);
    for (const h of heads) {
      const vector = this.row(l, h, i), norms = (l * this.heads + h) * this.keys;
      for (let j = 0; j < row.length; j++) {
        if (method === "max") row[j] = Math.max(row[j], vector[j]);
        else row[j] += (method === "value" ? vector[j] * this.norms[norms + j] : vector[j]) / heads.length;
      }
    }
    if (method !== "value") return row;
    const total = row.reduce((a, b) => a + b, 0) || 1;
    return row.map((w) => w / total);
  }

  columnOf(l, heads, j, method) {
    const column = new Float32Array(this.queries), totals = new Float32Array(this.queries);
    for (const h of heads) {
      const vector = this.column(l, h, j), norm = this.norms[(l * this.heads + h) * this.keys + j];
      const flow = method === "value" ? this.left(l, h, true) : null, left = this.left(l, h);
      for (let i = 0; i < column.length; i++) {
        if (method === "max") column[i] = Math.max(column[i], vector[i]);
        else column[i] += (method === "value" ? vector[i] * norm : vector[i]) / heads.length;
        if (flow) totals[i] += flow[i] / left[i] / heads.length;
      }
    }
    return method === "value" ? column.map((w, i) => w / (totals[i] || 1)) : column;
  }

  // What share of a row the hidden keys hold, mean over heads.
  hiddenShare(l, heads, i) { return heads.reduce((sum, h) => sum + 1 - this.left(l, h)[i], 0) / heads.length; }

  // The layer at a relative depth from 0 (first) to 1 (last), as an index into the layers that are here.
  at(depth) {
    const wanted = depth * (this.depth - 1);
    let best = 0;
    this.layers.forEach((number, l) => { if (Math.abs(number - wanted) < Math.abs(this.layers[best] - wanted)) best = l; });
    return best;
  }

  // The number of the layer at this depth, and whether it is here; above the byte budget only one is.
  wanted(depth) { return Math.round(depth * (this.depth - 1)); }
  has(depth) { return this.layers.includes(this.wanted(depth)); }
}
