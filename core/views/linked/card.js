// A card: axes, the traces that lead from one to another, and what is pointed at: hovered, locked, or where it starts.

import { add, folds, parted } from "./dom.js";
import { Trace } from "./attention.js";
import { mixed, hueOf } from "./colour.js";
import { Grid } from "./grid.js";
import { Objects } from "./objects.js";
import { related } from "./left.js";
import { Lead, leading, lit } from "./pointing.js";
import { Pooled } from "./pooled.js";
import { Reading } from "./reading.js";
import { Row } from "./row.js";
import { Saving } from "./saving.js";
import { readCard, writeState } from "./state.js";
import { tell } from "./told.js";

const SHAPES = { grid: Grid, pooled: Pooled, row: Row, objects: Objects };
const BAR = 8, // of a row's glimpse, px
  GAP = 3;

export class Card {
  // meta: as core/views/linked/payload.py packs it. stored: what was chosen before, in the state's words.
  constructor(meta, buffer, view, stored) {
    Object.assign(this, { meta, view, name: meta.name, hovered: null, axes: [], moved: true, known: new Map() });
    this.count = Math.max(...meta.leads.map(({ trace }) => trace.heads));
    this.take(stored);
    this.root = add(view.room, "section", "card");
    const top = add(this.root, "header"),
      heading = add(top, "h2");
    this.letter = add(heading, "b", "letter");
    heading.append(view.words[meta.kind], " ");
    this.caption = add(heading, "small");
    parted(this.caption, meta.title);
    this.room = add(this.root, "div", "axes");
    this.addAxes(meta, buffer);
    const told = (this.told = add(this.root, "div", "told"));
    this.say = add(told, "p", "say");
    this.note = add(told, "p", "note");
    if (meta.doubts.length) this.addDoubts(told, meta.doubts);
    this.saving = new Saving(this, top);
    this.heard = add(told, "p", "heard", { ariaLive: "polite" });
  }

  addAxes({ axes, leads, also }, buffer) {
    const rows = axes.map((one, x) => (one.shape === "row" ? x : -1)).filter((x) => x >= 0),
      joins = leads.findIndex(({ queries: q, keys: k }) => q !== k && rows.includes(q) && rows.includes(k)),
      sides = joins < 0 ? {} : { [leads[joins].keys]: "source", [leads[joins].queries]: "target" };
    this.reading = rows.length ? new Reading(this) : null;
    axes.forEach((one, x) => {
      const line = one.shape === "row" ? this.reading.line(one.direction, sides[x]) : null;
      this.axes.push(new SHAPES[one.shape](one, buffer, this, line));
    });
    if (this.reading) this.room.append(this.reading.box); // words after the photo that they are about
    this.leads = leads.map((one) => new Lead(one, new Trace(one.trace, buffer), this.axes));
    related([...this.leads.map(({ trace }) => trace), ...also.map((one) => new Trace(one, buffer))]);
    this.reading?.join(
      rows.map((x) => this.axes[x]),
      this.leads[joins],
    );
  }

  // Why its answer is not to be relied on: one line, which unfolds over the picture.
  addDoubts(told, doubts) {
    const root = add(told, "details", "doubts"),
      line = add(add(root, "summary"), "small"),
      menu = add(root, "div", "menu");
    parted(line, doubts.map(({ short }) => short).join(" · "));
    for (const { text, why } of doubts) {
      add(menu, "p", "", { textContent: text });
      if (why) add(menu, "p", "quiet", { textContent: why });
    }
    folds(root);
  }

  // What was chosen, in the state's words.
  take(stored) {
    const { at, heads } = readCard(stored, this.count);
    Object.assign(this, { heads, locked: at });
  }

  // { axis, i } of a position by its text, or null.
  find(at) {
    const [, key, number] = /^([a-z]?)(\d+)$/.exec(at ?? "") ?? [];
    for (const axis of number ? this.axes : []) {
      const i = Number(number) - axis.first;
      if (axis.meta.key === key && i >= 0 && i < axis.groups.length) return { axis, i };
    }
    return null;
  }

  get start() {
    const axis = this.axes[this.meta.begins];
    return axis.at(axis.start);
  }
  get query() {
    return [this.hovered, this.locked].find((at) => this.find(at)) ?? this.start;
  }

  // What is shown: as it is chosen, or of the cell that the pointer is on in the grid of layers and heads.
  get peek() {
    return this.view.peek?.card === this ? this.view.peek : null;
  }
  get depth() {
    return this.peek?.depth ?? this.view.depth;
  }
  get chosenHeads() {
    return this.peek?.heads ?? [...this.heads].sort((a, b) => a - b);
  }
  headsOf(trace) {
    return this.chosenHeads.filter((h) => h < trace.heads);
  }
  chooseHeads(heads) {
    if (!heads.size) return;
    this.heads = heads;
    this.view.draw();
    this.view.settle();
  }
  // One head alone; once more, all of them.
  solo(h) {
    const alone = this.heads.size === 1 && this.heads.has(h);
    this.chooseHeads(new Set(alone ? Array(this.count).keys() : [h]));
  }
  toggleHead(h) {
    const heads = new Set(this.heads);
    if (!heads.delete(h)) heads.add(h);
    this.chooseHeads(heads);
  }

  get traces() {
    return Object.fromEntries(this.leads.map(({ trace }) => [trace.kind, trace]));
  }
  get choice() {
    const heads = this.heads.size < this.count ? [...this.heads].sort((a, b) => a - b) : null,
      at = this.find(this.locked) ? this.locked : "";
    return at || heads ? { at, heads } : null;
  }
  // What is drawn on the photo: the boxes of all that has one.
  get boxes() {
    return this.axes.flatMap((axis) =>
      (axis.meta.named ?? [])
        .filter(({ box }) => box)
        .map(({ position, box }) => ({ at: position === null ? null : axis.at(position), box })),
    );
  }

  // A lock holds for the next photo or sentence, where a position means the same there.
  keep(before) {
    if (before && before.find(this.locked)?.axis.signature !== this.find(this.locked)?.axis.signature) this.locked = "";
  }

  // Cards of the same input, such as one photo before and after training, are pointed at together.
  twins(at) {
    const own = this.find(at)?.axis.identity;
    return this.view.cards.filter((card) => card === this || (own && card.find(at)?.axis.identity === own));
  }
  preview(at) {
    if (at === this.hovered) return;
    this.twins(at ?? this.hovered).forEach((card) => {
      card.hovered = at;
    });
    this.view.draw();
  }
  lock(at) {
    this.twins(at || this.locked).forEach((card) => {
      card.locked = at;
      card.hovered = null;
    });
    this.view.draw();
    this.view.settle();
  }
  toggleLock(at) {
    this.lock(this.locked === at ? "" : at);
  }
  release() {
    this.lock("");
  }

  // What a position lights, for each axis; heads: all that are on. It is asked several times a frame.
  lit(at, heads = this.chosenHeads, depth = this.depth) {
    const asked = `${at} ${heads} ${depth}`;
    if (this.known.has(asked)) return this.known.get(asked);
    const { axis, i } = this.find(at),
      { turned, method, reading } = this.view,
      found = lit(this.leads, this.axes, axis, axis.groups[i], { turned, method, reading, depth }, heads);
    this.known.set(asked, found);
    return found;
  }

  // Of each group of each axis the mixed hue of its heads; null where an axis is not lit.
  tints(at, heads = this.chosenHeads, depth = this.depth) {
    const hues = heads.map((h) => hueOf(h, this.count)),
      each = heads.map((h) => this.lit(at, [h], depth));
    return this.axes.map(({ groups }, x) =>
      each[0][x] === null
        ? null
        : groups.map((_, i) =>
            mixed(
              each.map((one) => one[x].weights[i]),
              hues,
            ),
          ),
    );
  }

  // The trace of what is told first, which the film walks through and whose heads unfold.
  get lead() {
    return leading(this.lit(this.query))?.lead ?? this.leads[0];
  }

  // The traces that answer for what is asked.
  get shown() {
    return [
      ...new Set(
        this.lit(this.query)
          .filter(Boolean)
          .map(({ lead }) => lead),
      ),
    ];
  }

  // Where it stands: layers, and heads where not all are on.
  get where() {
    const { words } = this.view,
      layers = this.shown.map(({ name, trace }) => {
        const at = trace.layers[trace.at(this.depth)] + 1;
        return `${words[name]} ${at}/${trace.depth}`;
      }),
      heads = this.chosenHeads.map((h) => h + 1).join(", ");
    return [...new Set(layers), ...(this.chosenHeads.length < this.count ? [`${words.heads} ${heads}`] : [])].join(
      " · ",
    );
  }

  // What it is drawn with.
  get legend() {
    return this.view.bar.legend;
  }
  get scaleName() {
    return this.view.words[`scale_${this.view.scale}`];
  }

  // All that a picture of it depends on.
  state(depth = this.depth) {
    return [this.query, depth, this.chosenHeads, this.options].join();
  }
  get options() {
    return `${writeState(Object.create(this.view, { depth: { value: 0 } }), {})} ${this.view.redrawn}`;
  }

  prepare() {
    this.known.clear();
    for (const axis of this.axes) axis.regroup?.();
    for (const { trace, marks } of this.leads) trace.hide(this.view.hide ? marks : []);
  }

  draw() {
    const state = this.state();
    if (state === this.drawn) return; // another card was pointed at
    this.drawn = state;
    const at = this.query,
      asked = this.find(at),
      lights = this.lit(at),
      tints = this.view.hues ? this.tints(at) : [];
    for (const lead of this.leads) if (lead.queries === asked.axis) lead.last = asked.i;
    this.axes.forEach((axis, x) => axis.draw(lights[x], tints[x], axis === asked.axis ? asked.i : null));
    this.reading?.draw(lights, tints, asked);
    tell(this, lights, asked);
  }

  // How high it is when it is small: the photo in its shape, and a bar for each row.
  glimpseHeight(width, most) {
    const grid = this.axes.find(({ shape }) => shape === "grid"),
      rows = this.axes.filter(({ shape }) => shape === "row").length * (BAR + GAP);
    return Math.round((grid ? Math.min(most, width / grid.ratio) + (rows && GAP) : 0) + rows);
  }

  // All of it small, in the middle of a box: [x, y, width, height].
  glimpse(g, [x, y, width, height], ratio, depth, heads = this.chosenHeads) {
    const at = this.query,
      asked = this.find(at),
      lights = this.lit(at, heads, depth),
      tints = this.view.hues ? this.tints(at, heads, depth) : [],
      rows = this.axes.filter(({ shape }) => shape === "row").length * (BAR + GAP);
    let top = y;
    this.axes.forEach((axis, n) => {
      const i = axis === asked.axis ? asked.i : null;
      if (axis.over ? !lights[n] : this.axes.some((one, m) => one.over === axis && lights[m])) return;
      if (axis.shape === "grid") {
        const tall = height - rows,
          wide = Math.min(width, tall * axis.ratio);
        axis.glimpse(g, [x + (width - wide) / 2, top, wide, wide / axis.ratio], ratio, lights[n], tints[n], i);
        top += tall;
      } else if (axis.shape === "row") {
        axis.glimpse(g, [x, top, width, BAR], lights[n], tints[n], i);
        top += BAR + GAP;
      }
    });
  }
}
