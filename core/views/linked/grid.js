// Patches on a photo: the overlay, the boxes of what has one, and names for the positions that are no patches.

import { add, fill } from "./dom.js";
import { Axis } from "./axis.js";
import { Chips } from "./chips.js";
import { overlayAt, scaled, topMass } from "./colour.js";
import { hatch, unseenOf } from "./unseen.js";

const NAMED = 9; // tokens before the patches that get a button of their own

export class Grid extends Axis {
  // meta: a PatchAxis (core/attention/axes.py), the photo's place in the buffer, and positions with names.
  constructor(meta, buffer, card) {
    super(meta, card);
    const [rows, columns] = meta.grid,
      { view } = card;
    this.patches = [meta.prefix.length, meta.prefix.length + rows * columns]; // from, to
    this.groups = Array.from({ length: this.patches[1] + meta.suffix.length }, (_, i) => [i]);
    this.special = this.groups.map((_, i) => !this.isPatch(i));
    this.told = [...this.groups.keys()].filter((i) => this.isPatch(i));
    Object.assign(this, { start: 0, signature: "grid", unseen: unseenOf(meta) });
    this.box = add(card.room, "div", "picture");
    this.canvas = add(this.box, "canvas", "photo", {
      tabIndex: 0,
      role: "application",
      ariaLabel: view.words.picture_label,
    });
    this.show(new Uint8Array(buffer, ...meta.photo));
    this.canvas.onpointermove = (e) => {
      if (e.pointerType !== "touch") this.preview(this.under(e));
    };
    this.canvas.onpointerleave = () => this.preview(null);
    this.canvas.onclick = (e) => {
      const i = this.under(e);
      if (i !== null) card.toggleLock(this.at(i));
    };
    this.canvas.onkeydown = (e) => this.move(e);
    const own = meta.prefix.map((label, position) => ({ label, position })),
      named = [...own.slice(0, NAMED), ...meta.named.filter(({ position }) => position !== null)];
    this.chips = new Chips(add(this.box, "div", "chips tokens"), this, named.length < 2 ? [] : named);
  }

  // The photo from the bytes of a JPEG. identity: the photo and how it is framed.
  show(bytes) {
    const { grid, prefix, suffix, image_box: box, image_size: size } = this.meta,
      digest = bytes.reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, 7);
    this.identity = JSON.stringify([grid, prefix, suffix, box, size, digest]);
    this.photo = new Image();
    this.photo.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    this.photo.onload = () => {
      URL.revokeObjectURL(this.photo.src);
      this.view.draw();
    };
  }

  isPatch(i) {
    return i >= this.patches[0] && i < this.patches[1];
  }
  name(i) {
    const { prefix, suffix, named, grid } = this.meta,
      p = i - this.patches[0];
    if (this.isPatch(i))
      return fill(this.view.words.patch, { row: Math.floor(p / grid[1]) + 1, column: (p % grid[1]) + 1 });
    return named.find(({ position }) => position === i)?.label ?? prefix[i] ?? suffix[i - this.patches[1]];
  }
  get markNames() {
    const names = [...this.meta.prefix, ...this.meta.suffix];
    return names.length < 5 ? names.join(", ") : `${names[0]}, ${names[1]} … ${names.at(-1)}`;
  }

  move(event) {
    const [rows, columns] = this.meta.grid,
      [from, to] = this.patches,
      locked = this.card.find(this.card.locked);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (event.key === "Escape") this.card.release();
    if (!step) return;
    event.preventDefault();
    const here = locked?.axis === this && this.isPatch(locked.i),
      next = here ? locked.i + step : from + Math.floor(rows / 2) * columns + Math.floor(columns / 2);
    if (next >= from && next < to) this.card.lock(this.at(next));
  }

  // Part of the plane that is shown, in photo pixels: the photo and the model's box together.
  get extent() {
    const [l, t, r, b] = this.meta.image_box,
      [w, h] = this.meta.image_size;
    return [Math.min(0, l), Math.min(0, t), Math.max(w, r), Math.max(h, b)];
  }

  // The patch under a pointer.
  under(event) {
    const rect = this.canvas.getBoundingClientRect(),
      [x0, y0, x1, y1] = this.extent,
      [l, t, r, b] = this.meta.image_box,
      [rows, columns] = this.meta.grid;
    const x = x0 + ((event.clientX - rect.left) / rect.width) * (x1 - x0),
      y = y0 + ((event.clientY - rect.top) / rect.height) * (y1 - y0);
    const column = Math.floor(((x - l) / (r - l)) * columns),
      row = Math.floor(((y - t) / (b - t)) * rows);
    if (row < 0 || column < 0 || row >= rows || column >= columns) return null;
    return this.patches[0] + row * columns + column;
  }

  // The light of the patches -> a canvas of one pixel a patch, and what its scale ends at.
  pixels(light, paint) {
    const [rows, columns] = this.meta.grid,
      [from, to] = this.patches,
      weights = light?.weights.subarray(from, to) ?? new Float32Array(to - from),
      shares = Array.from(weights, (_, p) => light?.shares[from + p] || 1),
      { t, ends } = scaled(weights, shares, this.view.scale),
      canvas = document.createElement("canvas"),
      image = new ImageData(columns, rows);
    canvas.width = columns;
    canvas.height = rows;
    for (let p = 0; p < t.length; p++) image.data.set(paint(t[p], p), p * 4);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return { canvas, ends, weights };
  }

  draw(light, tints, asked) {
    const { view, meta } = this,
      [x0, y0] = this.extent,
      [l, t, r, b] = meta.image_box,
      [w, h] = meta.image_size,
      { g, s, ratio } = this.sheet();
    g.fillStyle = "#888";
    g.fillRect(...this.extent.slice(0, 2), this.extent[2] - x0, this.extent[3] - y0);
    if (this.photo.complete) g.drawImage(this.photo, 0, 0, w, h);
    const [from, to] = this.patches,
      shown = topMass(light?.weights.subarray(from, to) ?? new Float32Array(to - from), view.keep);
    const { canvas, ends } = this.pixels(light, (v, p) =>
      overlayAt(view.colours, shown[p] ? v : 0, view.opacity, tints && tints[from + p]),
    );
    this.ends = ends;
    g.imageSmoothingEnabled = view.smooth;
    g.drawImage(canvas, l, t, r - l, b - t);
    hatch(g, this.unseen, view.words.cut_away, s / ratio);
    for (const { at, box } of this.card.boxes) {
      const on = at !== null && this.card.query === at;
      g.lineWidth = ((on ? 4 : 1.5) * ratio) / s;
      g.strokeStyle = on ? view.accent : "#fff";
      g.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
    }
    if (asked !== null && this.isPatch(asked)) {
      const [rows, columns] = meta.grid,
        p = asked - from,
        [cw, ch] = [(r - l) / columns, (b - t) / rows];
      g.lineWidth = Math.max((3 * ratio) / s, cw / 14);
      g.strokeStyle = view.accent;
      g.strokeRect(l + (p % columns) * cw, t + Math.floor(p / columns) * ch, cw, ch);
    }
    this.chips.draw(light, tints, asked);
  }

  // The canvas at the size that it has on the screen. s: its pixels a photo pixel. ratio: its pixels a screen pixel.
  sheet() {
    const { canvas, view } = this,
      [x0, y0, x1, y1] = this.extent,
      ratio = window.devicePixelRatio || 1;
    canvas.style.aspectRatio = `${x1 - x0} / ${y1 - y0}`;
    canvas.style.width = `min(100%, ${Math.round(view.tall * Math.min(1.6, (x1 - x0) / (y1 - y0)))}px)`;
    const rect = canvas.getBoundingClientRect(),
      size = [rect.width, rect.height].map((x) => Math.max(1, Math.round(x * ratio)));
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const g = canvas.getContext("2d"),
      s = canvas.width / (x1 - x0);
    g.setTransform(s, 0, 0, s, -x0 * s, -y0 * s);
    return { g, s, ratio };
  }
}
