// Patches on a photo: the lit photo, what is marked on it, and names for the positions that are no patches.

import { add, fill } from "./dom.js";
import { Axis } from "./axis.js";
import { Chips } from "./chips.js";
import { scaled, topMass } from "./colour.js";
import { Daylight, paint, paintChange, sheetOf } from "./light.js";
import { ASK, cellOf, changesOf, drawMarks, marksOf } from "./marked.js";
import { placed } from "./moved.js";
import { hatch, unseenOf, veil } from "./unseen.js";

const NAMED = 9; // tokens before the patches that get a button of their own
const MOST = 2; // pixels a screen pixel: more is not seen, and costs

export class Grid extends Axis {
  // meta: a PatchAxis (core/attention/axes.py), the photo's place in the buffer, and positions with names.
  constructor(meta, buffer, card) {
    super(meta, card);
    const [rows, columns] = meta.grid;
    this.patches = [meta.prefix.length, meta.prefix.length + rows * columns]; // from, to
    this.groups = Array.from({ length: this.patches[1] + meta.suffix.length }, (_, i) => [i]);
    this.special = this.groups.map((_, i) => !this.isPatch(i));
    this.told = [...this.groups.keys()].filter((i) => this.isPatch(i));
    Object.assign(this, { start: meta.start ?? 0, signature: `grid ${rows} ${columns}`, unseen: unseenOf(meta) });
    this.stand(buffer);
  }

  // The photo on the page, and how it is pointed at.
  stand(buffer) {
    const { meta, card } = this,
      { view } = card;
    Object.assign(this, { width: 0, height: 0 });
    this.box = add(card.room, "div", "picture");
    this.frame = add(this.box, "div", "frame");
    this.canvas = add(this.frame, "canvas", "photo", {
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
    const marks = meta.prefix.map((label, position) => ({ label, position })),
      named = meta.named.filter(({ position }) => position !== null);
    this.marks = new Chips(add(this.frame, "div", "chips tokens corner"), this, marks.slice(0, NAMED));
    this.chips = new Chips(add(this.box, "div", "chips tokens"), this, named);
  }

  // The photo from the bytes of a JPEG. identity: the photo and how it is framed.
  show(bytes) {
    const { grid, prefix, suffix, image_box: box, image_size: size } = this.meta,
      digest = bytes.reduce((hash, byte) => (Math.imul(hash, 31) + byte) | 0, 7);
    this.digest = digest;
    this.identity = JSON.stringify([grid, prefix, suffix, box, size, digest]);
    this.photo = new Image();
    this.photo.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    this.photo.onload = () => {
      URL.revokeObjectURL(this.photo.src);
      this.daylight = new Daylight(this.photo, this.extent, size);
      this.view.redraw();
    };
  }

  isPatch(i) {
    return i >= this.patches[0] && i < this.patches[1];
  }
  place(i) {
    const { grid } = this.meta,
      p = i - this.patches[0];
    return { row: Math.floor(p / grid[1]) + 1, column: (p % grid[1]) + 1 };
  }
  name(i) {
    const { prefix, suffix, named } = this.meta;
    if (this.isPatch(i)) return fill(this.view.words.patch, this.place(i));
    return named.find(({ position }) => position === i)?.label ?? prefix[i] ?? suffix[i - this.patches[1]];
  }
  get markNames() {
    const names = [...this.meta.prefix, ...this.meta.suffix];
    return names.length < 5 ? names.join(", ") : `${names[0]}, ${names[1]} … ${names.at(-1)}`;
  }

  placeOf(i) {
    return this.isPatch(i) ? i - this.patches[0] : this.name(i);
  }
  // Patches by ninths of the grid.
  region(i) {
    if (!this.isPatch(i)) return super.region(i);
    const [rows, columns] = this.meta.grid,
      { row, column } = this.place(i),
      third = (x, of) => Math.min(2, Math.floor((3 * (x - 0.5)) / of)),
      key = `region_${third(row, rows)}${third(column, columns)}`;
    return { key, name: this.view.words[key] };
  }
  // Why a photo of another state has no difference to this one, or null.
  differs(other) {
    if (other.digest !== this.digest) return { why: "differ_photo" };
    const [a, b] = [other, this].map(({ meta }) => meta.grid.join("×"));
    return a === b && String(other.seen) === String(this.seen) ? null : { why: "differ_cut", a, b };
  }
  get seen() {
    return [...this.meta.image_box, ...this.meta.image_size];
  }
  still() {
    this.canvas.tabIndex = -1;
    this.canvas.setAttribute("role", "img");
    this.marks?.still();
    this.chips?.still();
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
  get ratio() {
    const [x0, y0, x1, y1] = this.extent;
    return (x1 - x0) / (y1 - y0);
  }

  // Where the patches lie on a picture of this size.
  within(width, height) {
    const [x0, y0, x1, y1] = this.extent,
      [l, t, r, b] = this.meta.image_box,
      [rows, columns] = this.meta.grid,
      [sx, sy] = [width / (x1 - x0), height / (y1 - y0)];
    return { rows, columns, box: [(l - x0) * sx, (t - y0) * sy, (r - l) * sx, (b - t) * sy] };
  }

  // The patch under a pointer.
  under(event) {
    const rect = this.canvas.getBoundingClientRect(),
      { rows, columns, box } = this.within(rect.width, rect.height),
      column = Math.floor(((event.clientX - rect.left - box[0]) / box[2]) * columns),
      row = Math.floor(((event.clientY - rect.top - box[1]) / box[3]) * rows);
    if (row < 0 || column < 0 || row >= rows || column >= columns) return null;
    return this.patches[0] + row * columns + column;
  }

  // As large as there is room, in its own shape, screen pixels; nothing else of the picture depends on the room.
  fit(width, height) {
    const wide = Math.max(80, Math.min(width, height * this.ratio));
    Object.assign(this, { width: wide, height: wide / this.ratio });
    this.frame.style.width = `${this.width}px`;
    this.frame.style.height = `${this.height}px`;
    const ratio = Math.min(MOST, window.devicePixelRatio || 1),
      size = [this.width, this.height].map((x) => Math.max(1, Math.round(x * ratio)));
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) [this.canvas.width, this.canvas.height] = size;
  }

  // Of a light, for each patch: its weight, times an even share and place on the scale, and whether it is closed: it
  // cannot be seen from where it is asked; and what the scale ends at.
  shares(light) {
    const [from, to] = this.patches;
    if (light?.change) {
      const [weights, times, t] = [light.weights, light.change.times, placed(light, this.view.scale)].map((one) =>
        one.slice(from, to),
      );
      return { weights, times, t, change: true, lit: true, ends: ["", ""] };
    }
    const weights = light?.weights.subarray(from, to) ?? new Float32Array(to - from),
      even = light?.shares.subarray(from, to) ?? weights,
      { t, ends } = scaled(
        weights,
        even.map((share) => share || 1),
        this.view.scale,
      ),
      shown = topMass(weights, this.view.keep);
    return {
      weights,
      times: weights.map((w, p) => (even[p] ? w / even[p] : 0)),
      t: Float32Array.from(t, (one, p) => (shown[p] && light ? one : 0)),
      ends,
      closed: light && even.includes(0) ? Array.from(even, (share) => !share) : null,
      lit: Boolean(light),
    };
  }

  // Lit as it is asked, on a context that begins at the picture's corner; in its own pixels.
  light(g, width, height, { t, closed, lit, change }, tints, fine) {
    const [from, to] = this.patches,
      { rows, columns, box } = this.within(width, height),
      smooth = this.view.smooth;
    if (!this.daylight) return;
    const grid = { rows, columns, box: box.map(Math.round), smooth, fine: fine && smooth },
      sheets = this.daylight.at(width, height);
    if (change) paintChange(g, sheets, grid, t);
    else if (lit) paint(g, sheets, grid, t, this.view, tints?.slice(from, to));
    else g.drawImage(sheets.day, 0, 0); // it is asked from here, and lights another axis
    if (closed) veil(g, grid, closed, fine ? this.width / width : 1.8);
    const [x0, y0] = this.extent,
      s = width / (this.extent[2] - x0);
    g.save();
    g.scale(s, s);
    g.translate(-x0, -y0);
    hatch(g, this.unseen, fine ? this.view.words.cut_away : "", fine ? (s * this.width) / width : 1.8 * s);
    g.restore();
  }

  draw(light, tints, asked) {
    const { canvas, width, height } = this,
      g = canvas.getContext("2d"),
      shares = this.shares(light),
      patch = this.patchOf(asked);
    Object.assign(this, { ends: shares.ends, lit: shares, litTints: tints, litAsked: patch });
    g.setTransform(1, 0, 0, 1, 0, 0);
    this.light(g, canvas.width, canvas.height, shares, tints, true);
    g.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
    this.drawBoxes(g);
    this.marked = this.marksOn(light, shares, patch);
    drawMarks(g, this.marked, [width, height]);
    this.marks?.draw(light, tints, asked);
    this.chips?.draw(light, tints, asked);
  }

  patchOf(i) {
    return i !== null && this.isPatch(i) ? i - this.patches[0] : null;
  }
  // What is drawn over the light, in screen pixels.
  marksOn(light, { weights, times }, patch) {
    const { width, height } = this,
      place = this.within(width, height);
    if (!light?.change) return marksOf(place, weights, times, patch, [width, height]);
    const before = light.change.asked;
    return changesOf(place, weights, times, [patch, this.patchOf(before < 0 ? null : before)], this.view.words);
  }

  // What was found in the photo, in screen pixels; thicker what is asked.
  get found() {
    const [x0, y0] = this.extent,
      s = this.width / (this.extent[2] - x0);
    return this.card.boxes.map(({ at, box }) => {
      const on = at !== null && this.card.query === at,
        place = [(box[0] - x0) * s, (box[1] - y0) * s, (box[2] - box[0]) * s, (box[3] - box[1]) * s];
      return { place, thick: on ? 4 : 1.5, colour: on ? ASK : "#fff" };
    });
  }
  drawBoxes(g) {
    for (const { place, thick, colour } of this.found) {
      g.lineWidth = thick;
      g.strokeStyle = colour;
      g.strokeRect(...place);
    }
  }

  // The same picture small, at a place of another canvas whose pixels are `ratio` a screen pixel.
  glimpse(g, [x, y, width, height], ratio, light, tints, asked) {
    const sheet = (this.small ??= sheetOf(1, 1)),
      size = [width, height].map((side) => Math.max(1, Math.round(side * ratio)));
    if (sheet.width !== size[0] || sheet.height !== size[1]) [sheet.width, sheet.height] = size;
    const k = sheet.getContext("2d");
    this.light(k, ...size, this.shares(light), tints, false);
    g.drawImage(sheet, x, y, width, height);
    if (asked === null || !this.isPatch(asked) || width < 56) return;
    const cell = cellOf(this.within(width, height), asked - this.patches[0]);
    g.strokeStyle = ASK;
    g.lineWidth = 1.2;
    g.strokeRect(x + cell.x, y + cell.y, cell.w, cell.h);
  }
}
