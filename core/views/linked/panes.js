// The cards beside a live one while something is pinned: A as it was or as it answers now, and B − A.

import { Card } from "./card.js";
import { changeOf, movedAt, movedSentence } from "./moved.js";
import { speak } from "./dom.js";

// A card that nobody chooses in: what it shows comes from the live one beside it.
class Pane extends Card {
  constructor(meta, buffer, view, stored, live) {
    super(meta, buffer, view, stored);
    this.live = live;
    this.heard.ariaLive = "off";
    for (const axis of this.axes) axis.still?.();
  }
  twins() {
    return [this];
  }
  lock() {}
}

// A. Where it is held nothing moves it; else it is asked what the live card is asked, where that means the same on it.
export class Pinned extends Pane {
  get follows() {
    return !this.view.held;
  }
  // The live card's query on this one's axes, or null.
  get shared() {
    return this.follows && this.live ? across(this.live, this, this.live.query) : null;
  }
  get query() {
    return this.shared ?? super.query;
  }
  get peek() {
    return this.follows ? this.live.peek : null;
  }
  get chosenHeads() {
    return this.follows && this.count === this.live.count ? this.live.chosenHeads : super.chosenHeads;
  }
  preview(at) {
    if (this.shared) this.live.preview(at && across(this, this.live, at));
    else if (this.follows) super.preview(at);
  }
  lock(at) {
    if (this.shared) this.live.lock(at && (across(this, this.live, at) ?? ""));
  }
}

// A position of a card, as another card of the same ground calls it; null where that has none.
function across(card, other, at) {
  const { axis, i } = card.find(at) ?? {},
    same = axis && other.axes[card.axes.indexOf(axis)];
  if (!same || same.differs(axis)) return null;
  const place = axis.placeOf(i),
    j = same.groups[i] && same.placeOf(i) === place ? i : same.groups.findIndex((_, x) => same.placeOf(x) === place);
  return j < 0 ? null : same.at(j);
}

export class Difference extends Pane {
  constructor(meta, buffer, view, live, pinned) {
    super(meta, buffer, view, "", live);
    this.pinned = pinned;
  }
  get query() {
    return this.live.query;
  }
  get where() {
    const { words } = this.view;
    return `${words.pane_a}: ${this.pinned.where} | ${words.pane_b}: ${this.live.where}`;
  }
  get legend() {
    return this.view.pin.legend;
  }
  get scaleName() {
    return this.view.words[`change_${this.view.scale}`];
  }
  preview(at) {
    if (this.pinned.follows) this.live.preview(at);
    else super.preview(at);
  }
  lock(at) {
    if (this.pinned.follows) this.live.lock(at);
  }
  state() {
    return [this.live.state(), this.pinned.state(), this.hovered, this.options].join(" | ");
  }

  draw() {
    const state = this.state();
    if (state === this.drawn) return;
    this.drawn = state;
    const { live, pinned } = this,
      sides = [pinned, live].map((card) => ({ card, asked: card.find(card.query), lights: card.lit(card.query) })),
      [a, b] = sides,
      changes = this.axes.map((_, x) => {
        const [before, after] = [pinned.axes[x], live.axes[x]];
        return changeOf(before, a.lights[x], after, b.lights[x], a.asked.axis === before ? a.asked.i : null);
      });
    this.axes.forEach((axis, x) => axis.draw(changes[x], null, b.asked.axis === live.axes[x] ? b.asked.i : null));
    this.reading?.drawChange(changes, a, b);
    const some = changes.some(Boolean);
    this.root.classList.toggle("none", !some);
    const [template, values] = movedSentence(this.view, a, b, changes);
    speak(this.say, template, values);
    const pointed = this.hovered === null ? null : this.find(this.hovered),
      change = pointed && changes[this.axes.indexOf(pointed.axis)];
    const colours = some ? this.view.words.moved_colours : "";
    this.note.textContent = change ? movedAt(this.view, pointed.axis, pointed.i, change) : colours;
    if (this.heard.textContent !== this.say.textContent) this.heard.textContent = this.say.textContent;
  }
}
