// The sentence card: source and target as two columns of words with ribbons, or as the alignment matrix.
// Row r of cross-attention predicts output r and has output r - 1 as its input: `reading` says which the person sees.

class Sentence {
  constructor(part, buffer, view) {
    this.part = part; this.view = view;
    for (const kind of ["encoder", "decoder", "cross"]) this[kind] = new Trace(part[kind], buffer);
    this.heads = new Set(Array(this.cross.heads).keys());
    this.lockedAt = { side: "t", i: Math.min(part.start ?? 1, part.target.pieces.length - 1) };
    this.hovered = null;
    this.build();
    this.fillWords();
  }

  get query() { return this.hovered ?? this.lockedAt; }

  build() {
    const { view } = this;
    this.root = view.card(view.words.sentence, this.part.title);
    const row = add(this.root, "div", "row");
    this.box = add(row, "div", "words");
    this.ribbons = this.box.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
    this.ribbons.ariaHidden = "true";
    this.columns = { s: add(this.box, "div", "column source"), t: add(this.box, "div", "column target") };
    this.matrix = add(row, "div", "matrix");
    const stacks = ["encoder", "decoder", "cross"].map((kind) => [view.words[kind], this[kind]]);
    this.overview = new Overview(row, view, stacks, (trace, l, h) => this.thumbnail(trace, l, h), this);
    this.note = add(this.root, "div", "note");
    this.chips = add(this.root, "div", "chips");
    this.say = add(this.root, "p", "say", { ariaLive: "polite" });
    this.box.onpointerleave = () => this.preview(null);
  }

  preview(at) { this.hovered = at; this.view.draw(); }

  // Positions -> what is shown: single pieces, or the pieces of a word together.
  groups(axis) {
    if (!this.view.merge) return axis.pieces.map((_, i) => [i]);
    const groups = [];
    axis.words.forEach((word, i) => { (groups[word] ??= []).push(i); });
    return groups;
  }

  name(axis, group) {
    const { words } = this.view, text = group.map((i) => axis.pieces[i]).join("");
    if (text === "</s>") return words.end_mark;
    return text || "▁";
  }

  fillWords() {
    this.s = this.groups(this.part.source); this.t = this.groups(this.part.target); this.merged = this.view.merge;
    const clamp = (at) => ({ ...at, i: Math.min(at.i, this[at.side].length - 1) });
    this.lockedAt = clamp(this.lockedAt); this.hovered = null;
    for (const [side, axis] of [["s", this.part.source], ["t", this.part.target]]) {
      this.columns[side].replaceChildren();
      this[side].forEach((group, i) => {
        const mark = axis.special[group[0]], word = add(this.columns[side], "button", mark ? "word mark" : "word");
        word.textContent = this.name(axis, group); word.dir = "auto"; word.lang = axis.language ?? "";
        word.onpointerenter = (e) => { if (e.pointerType !== "touch") this.preview({ side, i }); };
        word.onfocus = () => this.lock({ side, i });
        word.onclick = () => this.lock({ side, i });
        word.onkeydown = (e) => this.move(e, side, i);
      });
    }
  }

  lock(at) { this.lockedAt = at; this.hovered = null; this.view.draw(); }

  move(event, side, i) {
    const to = { ArrowUp: [side, i - 1], ArrowDown: [side, i + 1], ArrowLeft: ["s", i], ArrowRight: ["t", i] }[event.key];
    if (!to) return;
    event.preventDefault();
    this.columns[to[0]].children[Math.max(0, Math.min(to[1], this[to[0]].length - 1))]?.focus();
  }

  // The rows of the decoder in which an output group is read; empty where the end mark never is an input.
  rows(group) {
    const shift = this.view.reading === "input" ? 1 : 0;
    return group.map((i) => i + shift).filter((i) => i < this.cross.queries);
  }

  // Mean over query pieces, sum over key pieces: what query group looks at, over key groups, and their even shares.
  look(trace, l, rows, keyGroups) {
    const weights = new Float32Array(keyGroups.length), shares = new Float32Array(keyGroups.length);
    for (const i of rows) {
      const row = trace.rowOf(l, [...this.heads].filter((h) => h < trace.heads), i, this.view.method);
      keyGroups.forEach((group, x) => {
        for (const j of group) { weights[x] += row[j] / rows.length; if (j < trace.visible(i)) shares[x] += 1 / trace.visible(i) / rows.length; }
      });
    }
    return { weights, shares };
  }

  crossMap() { return this.t.map((group) => this.look(this.cross, this.cross.at(this.view.depth), this.rows(group), this.s)); }

  // For each target word: its attention to the target words before it. Decoder key j + 1 is output j; key 0 is the start mark.
  before(i) {
    return this.look(this.decoder, this.decoder.at(this.view.depth), this.rows(this.t[i]), this.t.map((g) => g.map((j) => j + 1).filter((j) => j < this.decoder.keys)));
  }

  draw() {
    const { view } = this;
    if (this.merged !== view.merge) this.fillWords();
    const { side, i } = this.query, map = this.crossMap(), l = this.encoder.at(view.depth);
    let source, target;
    if (side === "t") { source = map[i]; target = this.before(i); }
    else {
      target = { weights: Float32Array.from(map, (row) => row.weights[i]), shares: Float32Array.from(map, (row) => row.shares[i] || 1) };
      source = view.reversed
        ? this.turned(l, i)
        : this.look(this.encoder, l, this.s[i], this.s);
    }
    this.shade("s", source, side === "s" ? i : -1); this.shade("t", target, side === "t" ? i : -1);
    const matrix = view.layout === "matrix";
    this.box.hidden = matrix; this.matrix.hidden = !matrix;
    if (matrix) this.drawMatrix(map); else this.drawRibbons(map);
    this.overview.draw([this.encoder, this.decoder, this.cross].map((t) => t.at(view.depth)));
    view.chipsInto(this.chips, this.heads, this.cross.heads);
    this.note.textContent = [view.reading === "input" ? view.words.reading_input_note : view.words.reading_output_note, this.part.note].filter(Boolean).join(" · ");
    this.tell(map, source, target);
  }

  turned(l, i) { // who, among the source words, looks at source word i
    const rows = this.s.map((group) => this.look(this.encoder, l, group, this.s));
    return { weights: Float32Array.from(rows, (r) => r.weights[i]), shares: Float32Array.from(rows, (r) => r.shares[i]) };
  }

  shade(side, { weights, shares }, own) {
    const { t } = scaled(weights, Array.from(shares, (s) => s || 1), this.view.scale);
    [...this.columns[side].children].forEach((word, i) => {
      word.classList.toggle("query", i === own);
      word.classList.toggle("unseen", !shares[i] && i !== own);
      word.style.setProperty("--light", i === own || !shares[i] ? 0 : Math.max(0, (t[i] - 1 / 3) * 1.5).toFixed(3));
      word.style.setProperty("--fade", i === own ? 1 : !shares[i] ? 0.3 : (0.45 + 0.55 * Math.min(1, t[i] * 3)).toFixed(3));
      word.title = i === own ? "" : `${(weights[i] * 100).toFixed(1)}%`;
      word.setAttribute("aria-pressed", i === own);
    });
  }

  drawRibbons(map) {
    const { side, i } = this.query, box = this.box.getBoundingClientRect(), paths = [];
    const ends = (element, edge) => { const r = element.getBoundingClientRect(); return [r[edge] - box.left, r.top - box.top + r.height / 2]; };
    const from = [...this.columns.s.children].map((e) => ends(e, "right")), to = [...this.columns.t.children].map((e) => ends(e, "left"));
    map.forEach((row, ti) => row.weights.forEach((w, si) => {
      const on = side === "t" ? ti === i : si === i, times = w / (row.shares[si] || 1);
      if (times < (on ? 0.9 : 2)) return;
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path"), [[x0, y0], [x1, y1]] = [from[si], to[ti]], m = (x0 + x1) / 2;
      path.setAttribute("d", `M${x0 + 2} ${y0}C${m} ${y0} ${m} ${y1} ${x1 - 2} ${y1}`);
      path.setAttribute("class", on ? "on" : "off");
      path.setAttribute("stroke-width", (1 + w * 12).toFixed(1));
      path.setAttribute("stroke-opacity", on ? Math.min(1, 0.3 + w).toFixed(2) : Math.min(0.25, w * 0.3).toFixed(2));
      paths.push(path);
    }));
    this.ribbons.replaceChildren(...paths);
  }

  drawMatrix(map) {
    const table = document.createElement("table"), head = add(add(table, "thead"), "tr");
    add(head, "th");
    this.s.forEach((group) => { add(add(head, "th", "top"), "span").textContent = this.name(this.part.source, group); });
    const body = add(table, "tbody");
    map.forEach((row, ti) => {
      const tr = add(body, "tr"), name = add(tr, "th"), { t } = scaled(row.weights, Array.from(row.shares, (s) => s || 1), this.view.scale);
      name.textContent = this.name(this.part.target, this.t[ti]);
      row.weights.forEach((w, si) => {
        const cell = add(tr, "td");
        cell.style.background = row.shares[si] ? `rgb(${colourAt(this.view.colours, t[si])})` : "transparent";
        cell.title = `${name.textContent} → ${this.name(this.part.source, this.s[si])}: ${(w * 100).toFixed(1)}%`;
        if (this.query.side === "t" && this.query.i === ti) cell.classList.add("query");
        cell.onclick = () => this.lock({ side: "t", i: ti });
      });
    });
    this.matrix.replaceChildren(table);
  }

  thumbnail(trace, l, h) {
    const canvas = document.createElement("canvas"); canvas.width = trace.keys; canvas.height = trace.queries;
    const image = new ImageData(trace.keys, trace.queries);
    for (let i = 0; i < trace.queries; i++) {
      const { t } = scaled(trace.row(l, h, i), Array(trace.keys).fill(1 / trace.visible(i)), this.view.scale);
      for (let j = 0; j < trace.visible(i); j++) image.data.set([...colourAt(this.view.colours, t[j]), 255], (i * trace.keys + j) * 4);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  tell(map, source, target) {
    const { words, reversed } = this.view, { side, i } = this.query, percent = (w) => `${Math.round(w * 100)}%`;
    const order = (weights) => [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
    const sourceName = (x) => this.name(this.part.source, this.s[x]), targetName = (x) => this.name(this.part.target, this.t[x]);
    if (side === "t") {
      if (!this.rows(this.t[i]).length) return speak(this.say, words.never_input, { who: targetName(i) });
      const [a, b] = order(source.weights), unseen = this.t.length - 1 - i;
      speak(this.say, words.target_row, { who: targetName(i), first: sourceName(a), share: percent(source.weights[a]), second: sourceName(b ?? a), share2: percent(source.weights[b ?? a]) });
      if (unseen > 0) speak(this.say, words.target_future, { count: unseen }, true);
      const marks = this.s.reduce((sum, g, x) => sum + (this.part.source.special[g[0]] ? source.weights[x] : 0), 0);
      speak(this.say, words.target_marks, { share: percent(marks) }, true);
    } else {
      const others = order(source.weights).filter((x) => x !== i), reader = order(target.weights)[0], other = others[0] ?? i;
      speak(this.say, reversed ? words.source_column : words.source_row, { who: sourceName(i), first: sourceName(other), share: percent(source.weights[other]), reader: targetName(reader), share2: percent(target.weights[reader]) });
    }
  }
}
