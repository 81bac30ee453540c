// The sentence card: source and target as two columns of words with ribbons, or as the alignment matrix.
// Row r of cross-attention predicts output r and has output r - 1 as its input: `reading` says which the person sees.
// A position is "s3" or "t0": a side and a word's (or piece's) number on it.

import { add, descending, percent, speak } from "./dom.js";
import { Trace } from "./attention.js";
import { colourAt, scaled, topMass } from "./colour.js";
import { Words } from "./words.js";

export class Sentence extends Words {
  constructor(part, buffer, view, stored) {
    const traces = Object.fromEntries(
      ["encoder", "decoder", "cross"].map((kind) => [kind, new Trace(part[kind], buffer)]),
    );
    super(part, view, view.words.sentence, traces.cross.heads, stored);
    Object.assign(this, traces, { start: `t${Math.min(1, part.target.pieces.length - 1)}` });
    this.box = add(this.row, "div", "words");
    this.ribbons = this.box.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
    this.ribbons.ariaHidden = "true";
    this.columns = { s: add(this.box, "div", "column source"), t: add(this.box, "div", "column target") };
    this.box.onpointerleave = () => this.preview(null);
    this.matrix = add(this.row, "div", "matrix");
    this.fillWords();
    this.finish();
  }

  get side() {
    return this.query[0];
  }
  get index() {
    return Number(this.query.slice(1));
  }
  get stacks() {
    return ["encoder", "decoder", "cross"].map((kind) => [this.view.words[kind], this[kind]]);
  }
  input(at) {
    return at ? JSON.stringify(this.part[at[0] === "s" ? "source" : "target"].pieces) : "";
  }
  signature() {
    return JSON.stringify([this.part.source.pieces, this.part.target.pieces]);
  }

  valid(at) {
    return /^[st]\d+$/.test(at) && Number(at.slice(1)) < this[at[0]].length ? at : null;
  }

  name(side, i) {
    return this.text(side === "s" ? this.part.source : this.part.target, this[side][i]);
  }

  fillWords() {
    const { part, view } = this;
    this.s = this.groups(part.source);
    this.t = this.groups(part.target);
    this.merged = view.merge;
    this.hovered = null;
    this.start = `t${Math.min(1, this.t.length - 1)}`;
    for (const [side, axis] of [
      ["s", part.source],
      ["t", part.target],
    ]) {
      this.fillWith(
        this.columns[side],
        axis,
        this[side],
        (i) => `${side}${i}`,
        (event, i) => this.move(event, side, i),
      );
    }
  }

  move(event, side, i) {
    if (event.key === "Escape") return this.release();
    const to = { ArrowUp: [side, i - 1], ArrowDown: [side, i + 1], ArrowLeft: ["s", i], ArrowRight: ["t", i] }[
      event.key
    ];
    if (!to) return;
    event.preventDefault();
    this.columns[to[0]].children[Math.max(0, Math.min(to[1], this[to[0]].length - 1))]?.focus({ focusVisible: true });
  }

  // The rows of the decoder in which an output group is written or read; none for the end mark, never an input.
  rows(group) {
    const shift = this.view.reading === "input" ? 1 : 0;
    return group.map((i) => i + shift).filter((i) => i < this.cross.queries);
  }

  layer(kind) {
    return this[kind].at(this.view.depth);
  }

  crossMap(heads) {
    return this.t.map((group) => this.look(this.cross, this.layer("cross"), this.rows(group), this.s, heads));
  }

  // Where the pieces of an output group are keys of the decoder: key j + 1 is output j, key 0 the start mark.
  keys(group) {
    return group.map((j) => j + 1).filter((j) => j < this.decoder.keys);
  }

  // The two self-attentions as group x group: what a word looks at, and who looks at it.
  selfRow(side, i, heads) {
    if (side === "s") return this.look(this.encoder, this.layer("encoder"), this.s[i], this.s, heads);
    const keys = this.t.map((group) => this.keys(group));
    return this.look(this.decoder, this.layer("decoder"), this.rows(this.t[i]), keys, heads);
  }

  selfColumn(side, i, heads) {
    if (side === "s") return this.lookedAt(this.encoder, this.layer("encoder"), this.s[i], this.s, heads);
    const rows = this.t.map((group) => this.rows(group));
    return this.lookedAt(this.decoder, this.layer("decoder"), this.keys(this.t[i]), rows, heads);
  }

  // Which words of the translation read a word of the source.
  readers(i, heads) {
    const rows = this.t.map((group) => this.rows(group));
    return this.lookedAt(this.cross, this.layer("cross"), this.s[i], rows, heads);
  }

  // What is drawn on both sides for the query: its own sentence (self-attention) and the other one (cross-attention).
  shown(map, heads) {
    const { side, index: i } = this;
    const self = this.view.turned ? this.selfColumn(side, i, heads) : this.selfRow(side, i, heads);
    if (side === "s") return { s: self, t: this.readers(i, heads) };
    if (!this.view.turned) return { s: map[i], t: self };
    const none = new Float32Array(this.s.length); // the encoder never sees the translation
    return { s: { weights: none, shares: none }, t: self };
  }

  draw() {
    const { view } = this;
    if (this.merged !== view.merge) this.fillWords();
    const marks = this.part.source.special.flatMap((mark, i) => (mark ? [i] : []));
    this.encoder.hide(view.hide ? marks : []);
    this.cross.hide(view.hide ? marks : []);
    this.decoder.hide(view.hide ? [0] : []);
    const map = this.crossMap(),
      shown = this.shown(map),
      each = view.hues && this.chosenHeads.map((h) => this.shown(this.crossMap([h]), [h]));
    const tints = each && {
      s: this.tints(each.map((one) => one.s.weights)),
      t: this.tints(each.map((one) => one.t.weights)),
    };
    for (const side of ["s", "t"])
      this.shade(this.columns[side], shown[side], (i) => this.query === `${side}${i}`, tints && tints[side]);
    const matrix = view.layout === "matrix";
    this.box.hidden = matrix;
    this.matrix.hidden = !matrix;
    if (matrix) this.drawMatrix(map);
    else this.drawRibbons(map, tints);
    this.overview.draw(["encoder", "decoder", "cross"].map((kind) => this.layer(kind)));
    this.drawChips();
    const row = this.side === "t" && !view.turned ? (this.rows(this.t[this.index])[0] ?? null) : null;
    const notes = this.notes(
      this.cross,
      this.layer("cross"),
      row,
      marks.map((i) => this.part.source.pieces[i]).join(" "),
    );
    this.note.textContent = [view.words[`reading_${view.reading}_note`], ...notes, this.part.note]
      .filter(Boolean)
      .join(" · ");
    this.tell(shown);
  }

  drawRibbons(map, tints) {
    const { side, index: i } = this,
      box = this.box.getBoundingClientRect(),
      paths = [];
    const ends = (element, edge) => {
      const r = element.getBoundingClientRect();
      return [r[edge] - box.left, r.top - box.top + r.height / 2];
    };
    const from = [...this.columns.s.children].map((e) => ends(e, "right")),
      to = [...this.columns.t.children].map((e) => ends(e, "left"));
    const hidden = side === "t" && this.view.turned;
    map.forEach((row, ti) => {
      const kept = topMass(row.weights, this.view.keep);
      row.weights.forEach((w, si) => {
        const on = !hidden && (side === "t" ? ti === i : si === i),
          times = w / (row.shares[si] || 1);
        if (times < (on ? 0.9 : 2) || !kept[si]) return;
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path"),
          [[x0, y0], [x1, y1]] = [from[si], to[ti]],
          m = (x0 + x1) / 2;
        path.setAttribute("d", `M${x0 + 2} ${y0}C${m} ${y0} ${m} ${y1} ${x1 - 2} ${y1}`);
        path.setAttribute("class", on ? "on" : "off");
        path.setAttribute("stroke-width", (1 + w * 12).toFixed(1));
        path.setAttribute("stroke-opacity", on ? Math.min(1, 0.3 + w).toFixed(2) : Math.min(0.25, w * 0.3).toFixed(2));
        if (on && tints) path.style.stroke = `rgb(${side === "t" ? tints.s[si] : tints.t[ti]})`;
        paths.push(path);
      });
    });
    this.ribbons.replaceChildren(...paths);
  }

  drawMatrix(map) {
    const table = document.createElement("table"),
      head = add(add(table, "thead"), "tr");
    add(head, "th");
    this.s.forEach((_, si) => {
      add(add(head, "th", "top"), "span").textContent = this.name("s", si);
    });
    const body = add(table, "tbody");
    map.forEach((row, ti) => {
      const tr = add(body, "tr"),
        name = add(tr, "th"),
        { t } = scaled(
          row.weights,
          Array.from(row.shares, (s) => s || 1),
          this.view.scale,
        ),
        kept = topMass(row.weights, this.view.keep);
      name.textContent = this.name("t", ti);
      row.weights.forEach((w, si) => {
        const cell = add(tr, "td", this.query === `t${ti}` || this.query === `s${si}` ? "query" : "");
        cell.style.background =
          row.shares[si] && kept[si] ? `rgb(${colourAt(this.view.colours, t[si])})` : "transparent";
        cell.title = `${name.textContent} → ${this.name("s", si)}: ${percent(w, 1)}`;
        cell.onclick = () => this.toggleLock(`t${ti}`);
      });
    });
    this.matrix.replaceChildren(table);
  }

  tell({ s, t }) {
    const { words, turned, hide } = this.view,
      { side, index: i } = this,
      who = this.name(side, i);
    const source = (x) => this.name("s", x),
      target = (x) => this.name("t", x);
    if (side === "t" && !this.rows(this.t[i]).length && !turned) {
      speak(this.say, words.never_input, { who });
      return this.announce(who, source, []);
    }
    if (side === "t" && turned) {
      const readers = descending(t.weights).filter((x) => x !== i && t.shares[x]);
      if (readers.length)
        speak(this.say, words.target_column, { who, first: target(readers[0]), share: percent(t.weights[readers[0]]) });
      else speak(this.say, words.target_unread, { who });
      speak(this.say, words.target_column_source, {}, true);
      return this.announce(who, target, t.weights);
    }
    if (side === "t") {
      const [a, b] = descending(s.weights),
        unseen = this.t.length - 1 - i;
      speak(this.say, words.target_row, {
        who,
        first: source(a),
        share: percent(s.weights[a]),
        second: source(b ?? a),
        share2: percent(s.weights[b ?? a]),
      });
      if (unseen > 0) speak(this.say, words.target_future, { count: unseen }, true);
      const marks = this.s.reduce((sum, g, x) => sum + (this.part.source.special[g[0]] ? s.weights[x] : 0), 0);
      if (!hide) speak(this.say, words.target_marks, { share: percent(marks) }, true);
      return this.announce(who, source, s.weights);
    }
    const other = descending(s.weights).filter((x) => x !== i)[0] ?? i,
      reader = descending(t.weights)[0];
    speak(this.say, turned ? words.source_column : words.source_row, {
      who,
      first: source(other),
      share: percent(s.weights[other]),
      reader: target(reader),
      share2: percent(t.weights[reader]),
    });
    this.announce(who, source, s.weights);
  }
}
