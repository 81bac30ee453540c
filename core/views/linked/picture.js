// The image card: photo, patch grid, overlay, and the overview of all layers and heads for the current query.

import { add, fill, percent, speak } from "./dom.js";
import { Trace } from "./attention.js";
import { colourAt, hueOf, overlayAt, scaled, tinted, topMass } from "./colour.js";
import { Card } from "./card.js";
import { hatch, unseenOf } from "./unseen.js";

const NAMED = 9; // tokens before the patches that get a button of their own

export class Picture extends Card {
  constructor(part, buffer, view, stored) {
    const trace = new Trace(part.encoder, buffer);
    super(part, view, view.words.image, trace.heads, stored);
    // Positions: 0 is CLS, or the first patch where there is none; after the last, the rows of `cross`: objects.
    Object.assign(this, {
      trace,
      cross: part.cross && new Trace(part.cross, buffer),
      axis: part.axis,
      start: 0,
      last: 0,
      lastObject: Math.max(0, ...part.named.slice(0, 1).map(({ position }) => position - trace.queries)),
    });
    this.photo = new Image();
    const bytes = new Uint8Array(buffer, ...part.photo);
    const digest = bytes.reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, 7);
    this.seen = JSON.stringify([part.axis, digest]); // the photo and how it is framed
    this.photo.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    this.photo.onload = () => {
      URL.revokeObjectURL(this.photo.src);
      view.draw();
    };
    const box = add(this.row, "div", "picture");
    this.canvas = add(box, "canvas", "photo", {
      tabIndex: 0,
      role: "application",
      ariaLabel: view.words.picture_label,
    });
    this.canvas.onpointermove = (e) => {
      if (e.pointerType !== "touch") this.preview(this.positionAt(e));
    };
    this.canvas.onpointerleave = () => this.preview(null);
    this.canvas.onclick = (e) => {
      const at = this.positionAt(e);
      if (at !== null) this.toggleLock(at);
    };
    this.canvas.onkeydown = (e) => this.move(e);
    this.nameTokens(add(box, "div", "chips tokens"));
    this.finish();
  }

  // Positions that are no patches can be asked by name: CLS, registers, and the objects that a detector found.
  nameTokens(place) {
    const own = this.axis.prefix.map((label, position) => ({ label, position })),
      all = [...own.slice(0, NAMED), ...this.part.named.filter(({ position }) => position !== null)];
    this.tokens =
      all.length < 2
        ? []
        : all.map(({ label, position }) => {
            const chip = add(place, "button", "chip", { textContent: label });
            chip.onpointerenter = (e) => {
              if (e.pointerType !== "touch") this.preview(position);
            };
            chip.onpointerleave = () => this.preview(null);
            chip.onclick = () => this.toggleLock(position);
            return { chip, position };
          });
  }

  get prefix() {
    return this.axis.prefix.length;
  }
  get after() {
    return this.prefix + this.axis.grid[0] * this.axis.grid[1];
  } // the first position after the patches
  isPatch(position) {
    return position >= this.prefix && position < this.after;
  }
  get others() {
    return [...Array(this.trace.keys).keys()].filter((i) => !this.isPatch(i));
  }
  get otherNames() {
    const names = [...this.axis.prefix, ...this.axis.suffix];
    return names.length < 5 ? names.join(", ") : `${names[0]}, ${names[1]} … ${names.at(-1)}`;
  }
  get stacks() {
    return [[this.view.words.image, this.trace], ...(this.cross ? [[this.view.words.cross, this.cross]] : [])];
  }
  get object() {
    return this.cross && this.query >= this.trace.queries ? this.query - this.trace.queries : null;
  }
  get now() {
    return this.object === null ? this.trace : this.cross;
  } // whose attention is drawn over the photo
  input() {
    return this.seen;
  }
  signature() {
    return "image";
  } // a lock on a patch holds for the next photo too

  valid(at) {
    const i = at === "" ? NaN : Number(at);
    return Number.isInteger(i) && i >= 0 && i < this.trace.queries + (this.cross?.queries ?? 0) ? i : null;
  }

  move(event) {
    const [rows, columns] = this.axis.grid,
      { prefix } = this,
      locked = this.valid(this.locked) ?? this.start;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (event.key === "Escape") this.release();
    if (!step) return;
    event.preventDefault();
    const patch = !this.isPatch(locked)
      ? Math.floor(rows / 2) * columns + Math.floor(columns / 2)
      : locked - prefix + step;
    if (patch >= 0 && patch < rows * columns) this.lock(patch + prefix);
  }

  // Part of the plane that is shown, in photo pixels: the photo and the model's box together.
  get extent() {
    const [l, t, r, b] = this.axis.image_box,
      [w, h] = this.axis.image_size;
    return [Math.min(0, l), Math.min(0, t), Math.max(w, r), Math.max(h, b)];
  }

  positionAt(event) {
    const rect = this.canvas.getBoundingClientRect(),
      [x0, y0, x1, y1] = this.extent,
      [l, t, r, b] = this.axis.image_box;
    const x = x0 + ((event.clientX - rect.left) / rect.width) * (x1 - x0),
      y = y0 + ((event.clientY - rect.top) / rect.height) * (y1 - y0);
    const [rows, columns] = this.axis.grid,
      column = Math.floor(((x - l) / (r - l)) * columns),
      row = Math.floor(((y - t) / (b - t)) * rows);
    if (row < 0 || column < 0 || row >= rows || column >= columns) return null;
    return this.prefix + row * columns + column;
  }

  // What a position looks at, or who looks at it; nothing looks at a decoder's objects.
  vector(trace, l, heads, at, method) {
    if (!this.view.turned) return trace.rowOf(l, heads, at, method);
    return trace === this.cross ? new Float32Array(trace.keys) : trace.columnOf(l, heads, at, method);
  }

  // Weights of the patches, and of everything, for the query and the chosen direction.
  weights(l, heads, method = this.view.method) {
    const all = this.vector(this.now, l, heads, this.object ?? this.query, method);
    return { all, patches: all.subarray(this.prefix, this.after) };
  }

  // Patches of a trace -> a canvas of one pixel a patch.
  pixels(trace, l, patches, paint) {
    const [rows, columns] = this.axis.grid,
      even = Array(patches.length).fill(trace.share(l, 0));
    const { t, ends } = scaled(patches, even, this.view.scale);
    const canvas = document.createElement("canvas");
    canvas.width = columns;
    canvas.height = rows;
    const image = new ImageData(columns, rows);
    for (let p = 0; p < t.length; p++) image.data.set(paint(t[p], p), p * 4);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return { canvas, ends };
  }

  // A grid whose query is not asked now shows the one that was asked last.
  thumbnail(trace, l, h) {
    const { view } = this,
      hue = hueOf(h, this.count),
      all = this.vector(trace, l, [h], trace === this.cross ? this.lastObject : this.last, "mean");
    return this.pixels(trace, l, all.subarray(this.prefix, this.after), (v) => [
      ...(view.hues ? tinted(hue, v) : colourAt(view.colours, v)),
      255,
    ]).canvas;
  }

  draw() {
    const { view, now } = this,
      l = now.at(view.depth);
    for (const [, trace] of this.stacks) trace.hide(view.hide ? this.others : []);
    if (this.object === null) this.last = this.query;
    else this.lastObject = this.object;
    const heads = this.headsOf(now),
      { all, patches } = this.weights(l, heads);
    this.paint(patches, view.hues && this.tints(heads.map((h) => this.weights(l, [h], "mean").patches)));
    this.overview.draw(this.stacks.map(([, trace]) => trace.at(view.depth)));
    this.drawChips();
    this.tokens.forEach(({ chip, position }) => {
      chip.ariaPressed = this.query === position;
    });
    this.tell(all, patches);
  }

  paint(patches, tints) {
    const { view, canvas, trace, now } = this,
      [x0, y0, x1, y1] = this.extent,
      [l, t, r, b] = this.axis.image_box,
      [w, h] = this.axis.image_size;
    canvas.style.aspectRatio = `${x1 - x0} / ${y1 - y0}`;
    canvas.style.width = `min(100%, ${Math.round(view.tall * Math.min(1.6, (x1 - x0) / (y1 - y0)))}px)`;
    const rect = canvas.getBoundingClientRect(),
      ratio = window.devicePixelRatio || 1,
      size = [rect.width, rect.height].map((x) => Math.max(1, Math.round(x * ratio)));
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const g = canvas.getContext("2d"),
      s = canvas.width / (x1 - x0);
    g.setTransform(s, 0, 0, s, -x0 * s, -y0 * s);
    g.fillStyle = "#888";
    g.fillRect(x0, y0, x1 - x0, y1 - y0);
    if (this.photo.complete) g.drawImage(this.photo, 0, 0, w, h);
    const shown = topMass(patches, view.keep);
    const { canvas: overlay, ends } = this.pixels(now, now.at(view.depth), patches, (v, p) =>
      overlayAt(view.colours, shown[p] ? v : 0, view.opacity, tints && tints[p]),
    );
    g.imageSmoothingEnabled = view.smooth;
    g.drawImage(overlay, l, t, r - l, b - t);
    hatch(g, this.unseen, view.words.cut_away, s / ratio);
    for (const { position, box } of this.part.named) {
      if (!box) continue;
      g.lineWidth = ((this.query === position ? 4 : 1.5) * ratio) / s;
      g.strokeStyle = this.query === position ? view.accent : "#fff";
      g.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
    }
    if (this.isPatch(this.query)) {
      const [rows, columns] = this.axis.grid,
        p = this.query - this.prefix,
        cw = (r - l) / columns,
        ch = (b - t) / rows;
      g.lineWidth = Math.max((3 * ratio) / s, cw / 14);
      g.strokeStyle = view.accent;
      g.strokeRect(l + (p % columns) * cw, t + Math.floor(p / columns) * ch, cw, ch);
    }
    const notes = this.notes(
      now,
      now.at(view.depth),
      view.turned ? null : (this.object ?? this.query),
      this.otherNames,
    );
    if (!trace.has(view.depth)) notes.unshift(fill(view.words.fetching, { layer: trace.wanted(view.depth) + 1 }));
    if (view.scale === "rescaled") notes.push(fill(view.words.rescaled_note, { low: ends[0], high: ends[1] }));
    if (view.smooth) notes.push(view.words.smooth_note);
    if (this.unseen.length) notes.push(view.words.cut_note);
    if (this.part.note) notes.push(this.part.note);
    this.note.textContent = notes.join(" · ");
  }

  get unseen() {
    return unseenOf(this.axis);
  }

  patchName(p) {
    const columns = this.axis.grid[1];
    return fill(this.view.words.patch, { row: Math.floor(p / columns) + 1, column: (p % columns) + 1 });
  }
  name(position) {
    if (this.isPatch(position)) return this.patchName(position - this.prefix);
    const named = this.part.named.find((one) => one.position === position);
    return (
      named?.label ??
      (position >= this.trace.queries
        ? this.view.words.object
        : position < this.prefix
          ? this.axis.prefix[position]
          : this.axis.suffix[position - this.after])
    );
  }

  tell(all, patches) {
    if (this.object !== null && this.view.turned) {
      speak(this.say, this.view.words.object_column, { who: this.name(this.query) });
      return this.announce(this.name(this.query), (p) => this.patchName(p), []);
    }
    const { words, turned } = this.view,
      sorted = Array.from(patches).sort((a, b) => b - a),
      total = sorted.reduce((a, b) => a + b, 0),
      { others } = this;
    let half = 0,
      count = 0;
    while (half < total / 2 && count < sorted.length) half += sorted[count++];
    const who = this.name(this.query),
      times = sorted[0] / this.now.share(this.now.at(this.view.depth), 0);
    speak(this.say, turned ? words.image_column : words.image_row, {
      who,
      count,
      patches: patches.length,
      top: percent(sorted[0], 1),
      times: times.toFixed(times < 10 ? 1 : 0),
    });
    if (!turned && others.length && !this.view.hide) {
      const own = others.reduce((sum, i) => sum + all[i], 0);
      speak(this.say, words.image_prefix, { share: percent(own), names: this.otherNames }, true);
    }
    this.announce(who, (p) => this.patchName(p), patches);
  }
}
