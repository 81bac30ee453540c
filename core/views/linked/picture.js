// The image card: photo, patch grid, overlay, and the overview of all layers and heads for the current query.

class Picture {
  constructor(part, buffer, view) {
    this.part = part; this.view = view;
    this.trace = new Trace(part.encoder, buffer);
    this.axis = part.axis;
    this.photo = new Image();
    this.photo.src = URL.createObjectURL(new Blob([new Uint8Array(buffer, ...part.photo)], { type: "image/jpeg" }));
    this.photo.onload = () => { URL.revokeObjectURL(this.photo.src); view.draw(); };
    this.locked = 0; this.hovered = null; // positions; 0 is CLS, or the first patch where there is none
    this.heads = new Set(Array(this.trace.heads).keys());
    this.build();
  }

  get query() { return this.hovered ?? this.locked; }

  build() {
    const { view } = this;
    this.root = view.card(view.words.image, this.part.title);
    const row = add(this.root, "div", "row");
    this.canvas = add(add(row, "div", "picture"), "canvas", "photo", { tabIndex: 0, role: "application" });
    this.canvas.ariaLabel = view.words.picture_label;
    this.overview = new Overview(row, view, [[view.words.image, this.trace]], (trace, l, h) => this.thumbnail(trace, l, h), this);
    this.note = add(this.root, "div", "note");
    this.chips = add(this.root, "div", "chips");
    this.say = add(this.root, "p", "say", { ariaLive: "polite" });
    this.canvas.onpointermove = (e) => { if (e.pointerType !== "touch") this.preview(this.positionAt(e)); };
    this.canvas.onpointerleave = () => this.preview(null);
    this.canvas.onclick = (e) => { const at = this.positionAt(e); if (at !== null) this.lock(at === this.locked ? 0 : at); };
    this.canvas.onkeydown = (e) => this.move(e);
  }

  preview(position) { this.hovered = position; this.view.draw(); }
  lock(position) { this.locked = position; this.hovered = null; this.view.draw(); }

  move(event) {
    const [rows, columns] = this.axis.grid, prefix = this.axis.prefix.length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (event.key === "Escape") this.lock(0);
    if (!step) return;
    event.preventDefault();
    const patch = this.locked < prefix ? Math.floor(rows / 2) * columns + Math.floor(columns / 2) : this.locked - prefix + step;
    if (patch >= 0 && patch < rows * columns) this.lock(patch + prefix);
  }

  // Part of the plane that is shown, in photo pixels: the photo and the model's box together.
  get extent() {
    const [l, t, r, b] = this.axis.image_box, [w, h] = this.axis.image_size;
    return [Math.min(0, l), Math.min(0, t), Math.max(w, r), Math.max(h, b)];
  }

  positionAt(event) {
    const rect = this.canvas.getBoundingClientRect(), [x0, y0, x1, y1] = this.extent, [l, t, r, b] = this.axis.image_box;
    const x = x0 + ((event.clientX - rect.left) / rect.width) * (x1 - x0), y = y0 + ((event.clientY - rect.top) / rect.height) * (y1 - y0);
    const [rows, columns] = this.axis.grid, column = Math.floor(((x - l) / (r - l)) * columns), row = Math.floor(((y - t) / (b - t)) * rows);
    if (row < 0 || column < 0 || row >= rows || column >= columns) return null;
    return this.axis.prefix.length + row * columns + column;
  }

  patchWeights(l, heads, method = this.view.method) {
    const vector = this.view.reversed ? this.trace.columnOf(l, heads, this.query, method) : this.trace.rowOf(l, heads, this.query, method);
    return { all: vector, patches: vector.subarray(this.axis.prefix.length) };
  }

  pixels(patches, paint) { // patches -> a canvas of one pixel a patch
    const [rows, columns] = this.axis.grid, { t, ends } = scaled(patches, Array(patches.length).fill(1 / this.trace.keys), this.view.scale);
    const canvas = document.createElement("canvas"); canvas.width = columns; canvas.height = rows;
    const image = new ImageData(columns, rows);
    t.forEach((v, p) => image.data.set(paint(v), p * 4));
    canvas.getContext("2d").putImageData(image, 0, 0);
    return { canvas, ends };
  }

  thumbnail(trace, l, h) { return this.pixels(this.patchWeights(l, [h], "mean").patches, (v) => [...colourAt(this.view.colours === "light" ? "light" : this.view.colours, v), 255]).canvas; }

  draw() {
    const { view } = this, l = this.trace.at(view.depth), { all, patches } = this.patchWeights(l, [...this.heads]);
    this.paint(patches);
    this.overview.draw([l]);
    view.chipsInto(this.chips, this.heads, this.trace.heads);
    this.tell(all, patches);
  }

  paint(patches) {
    const { view, canvas } = this, [x0, y0, x1, y1] = this.extent, [l, t, r, b] = this.axis.image_box, [w, h] = this.axis.image_size;
    canvas.style.aspectRatio = `${x1 - x0} / ${y1 - y0}`;
    canvas.style.width = `min(100%, ${Math.round(view.tall * Math.min(1.6, (x1 - x0) / (y1 - y0)))}px)`;
    const rect = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(rect.width * ratio)); canvas.height = Math.max(1, Math.round(rect.height * ratio));
    const g = canvas.getContext("2d"), s = canvas.width / (x1 - x0);
    g.setTransform(s, 0, 0, s, -x0 * s, -y0 * s);
    g.fillStyle = "#888"; g.fillRect(x0, y0, x1 - x0, y1 - y0);
    if (this.photo.complete) g.drawImage(this.photo, 0, 0, w, h);
    const { canvas: overlay, ends } = this.pixels(patches, (v) => overlayAt(view.colours, v, view.opacity));
    g.imageSmoothingEnabled = view.smooth;
    g.drawImage(overlay, l, t, r - l, b - t);
    if (this.query >= this.axis.prefix.length) {
      const [rows, columns] = this.axis.grid, p = this.query - this.axis.prefix.length, cw = (r - l) / columns, ch = (b - t) / rows;
      g.lineWidth = Math.max(3 * ratio / s, cw / 14); g.strokeStyle = view.accent;
      g.strokeRect(l + (p % columns) * cw, t + Math.floor(p / columns) * ch, cw, ch);
    }
    const notes = [];
    if (view.scale === "rescaled") notes.push(fill(view.words.rescaled_note, { low: ends[0], high: ends[1] }));
    if (view.smooth) notes.push(view.words.smooth_note);
    if (this.part.note) notes.push(this.part.note);
    this.note.textContent = notes.join(" · ");
  }

  tell(all, patches) {
    const { words, reversed } = this.view, sorted = Array.from(patches).sort((a, b) => b - a), total = sorted.reduce((a, b) => a + b, 0);
    let half = 0, count = 0;
    while (half < total / 2 && count < sorted.length) half += sorted[count++];
    const prefix = this.axis.prefix.length, p = this.query - prefix, columns = this.axis.grid[1];
    const who = p < 0 ? this.axis.prefix[this.query] : fill(words.patch, { row: Math.floor(p / columns) + 1, column: (p % columns) + 1 });
    const values = { who, count, patches: patches.length, top: `${(sorted[0] * 100).toFixed(1)}%`, times: (sorted[0] * this.trace.keys).toFixed(sorted[0] * this.trace.keys < 10 ? 1 : 0) };
    speak(this.say, reversed ? words.image_column : words.image_row, values);
    if (!reversed && prefix) {
      const own = Array.from(all.subarray(0, prefix)).reduce((a, b) => a + b, 0);
      speak(this.say, words.image_prefix, { share: `${(own * 100).toFixed(0)}%`, names: this.axis.prefix.join(", ") }, true);
    }
  }
}
