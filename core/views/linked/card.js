// A card: axes, the traces that lead from one to another, and what is pointed at: hovered, locked, or where it starts.

import { add } from "./dom.js";
import { Trace } from "./attention.js";
import { mixed, hueOf } from "./colour.js";
import { Grid } from "./grid.js";
import { HeadChips } from "./heads.js";
import { Objects } from "./objects.js";
import { Overview } from "./overview.js";
import { Pair } from "./pair.js";
import { Lead, lit } from "./pointing.js";
import { Row } from "./row.js";
import { readCard } from "./state.js";
import { thumbnail } from "./thumbnails.js";
import { notes, tell } from "./told.js";

const SHAPES = { grid: Grid, row: Row, objects: Objects };

export class Card {
  // meta: as core/views/linked/payload.py packs it. stored: what was chosen before, in the state's words.
  constructor(meta, buffer, view, stored) {
    Object.assign(this, { meta, view, name: meta.name, hovered: null, axes: [] });
    this.count = Math.max(...meta.leads.map(({ trace }) => trace.heads));
    const { at, heads } = readCard(stored, this.count);
    Object.assign(this, { heads, locked: at });
    this.root = add(view.room, "section", "card");
    const heading = add(this.root, "h2");
    heading.append(view.words[meta.kind], " ");
    add(heading, "small").textContent = meta.title;
    const row = add(this.root, "div", "row");
    this.room = add(row, "div", "axes");
    this.addAxes(meta, buffer);
    this.overview = new Overview(row, view, this, (lead, l, h) => thumbnail(this, lead, l, h));
    this.note = add(this.root, "div", "note");
    this.chips = new HeadChips(this);
    this.say = add(this.root, "p", "say");
    this.heard = add(this.root, "p", "heard", { ariaLive: "polite" });
  }

  addAxes({ axes, leads }, buffer) {
    const joins = leads.findIndex(({ queries: q, keys: k }) => q !== k && [q, k].every((x) => axes[x].shape === "row"));
    this.pair = joins < 0 ? null : new Pair(this, leads[joins]);
    axes.forEach((one, x) => this.axes.push(new SHAPES[one.shape](one, buffer, this, this.pair?.columns[x])));
    this.leads = leads.map((one) => new Lead(one, new Trace(one.trace, buffer), this.axes));
    this.pair?.join(this.leads[joins]);
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
  get chosenHeads() {
    return [...this.heads].sort((a, b) => a - b);
  }
  headsOf(trace) {
    return this.chosenHeads.filter((h) => h < trace.heads);
  }
  get traces() {
    return Object.fromEntries(this.leads.map(({ trace }) => [trace.kind, trace]));
  }
  get choice() {
    const heads = this.heads.size < this.count ? this.chosenHeads : null,
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

  // What a position lights, for each axis; heads: all that are on.
  lit(at, heads = this.chosenHeads) {
    const { axis, i } = this.find(at);
    return lit(this.leads, this.axes, axis, axis.groups[i], this.view, heads);
  }

  // Of each group of each axis the mixed hue of its heads; null where an axis is not lit.
  tints(at) {
    const heads = this.chosenHeads,
      hues = heads.map((h) => hueOf(h, this.count)),
      each = heads.map((h) => this.lit(at, [h]));
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

  draw() {
    const { view } = this;
    for (const axis of this.axes) axis.regroup?.();
    for (const { trace, marks } of this.leads) trace.hide(view.hide ? marks : []);
    const at = this.query,
      asked = this.find(at),
      lights = this.lit(at),
      tints = view.hues ? this.tints(at) : [];
    for (const lead of this.leads) if (lead.queries === asked.axis) lead.last = asked.i;
    this.axes.forEach((axis, x) => axis.draw(lights[x], tints[x], axis === asked.axis ? asked.i : null));
    this.pair?.draw((axis) => tints[this.axes.indexOf(axis)]);
    this.overview.draw();
    this.chips.draw();
    this.note.textContent = notes(this, lights, asked);
    tell(this, lights, asked);
  }
}
