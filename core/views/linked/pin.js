// Pin A | B: A as it was pinned, B as it goes on, and what B has more and less, for every card in one line. All of it
// is computed here; the server is asked only where A has another photo, sentence or model than B (`header.pinned`).

import { add, parted } from "./dom.js";
import { Legend } from "./legend.js";
import { Difference, Pinned } from "./panes.js";
import { readEdits } from "./edits.js";
import { NUMBERS, part, readState, writeHands, writePin, writeState } from "./state.js";

export class Pin {
  // pin: { held, text } as state.js reads it. metas: of A's cards, null for those that are B's own.
  constructor(view, { held, text }, metas) {
    const { state, cards, hands } = readState(text);
    Object.assign(this, { view, held, metas, hands, own: part(state, true), shown: "b" });
    this.before = this.seen();
    this.root = add(view.root, "div", "pinbar", { role: "group", ariaLabel: view.words.pin_name });
    view.root.insertBefore(this.root, view.room);
    this.panes = view.cards.map((live, x) => this.row(live, metas?.[x] ?? live.meta, cards[live.name]));
    this.controls();
  }

  // The view as A sees it: how things are drawn, and when, is B's; what they are is its own while it is held.
  seen() {
    const { view } = this,
      before = Object.create(view, {
        draw: { value: () => view.draw() },
        redraw: { value: () => view.redraw() },
        held: { get: () => this.held },
      });
    for (const name of NUMBERS)
      Object.defineProperty(before, name, { get: () => (this.held ? this.own : view)[name], enumerable: true });
    return before;
  }

  row(live, meta, stored) {
    const { view, before } = this,
      { room, buffer } = view,
      a = new Pinned(meta, buffer, before, stored, live),
      difference = new Difference(live.meta, buffer, view, live, a),
      edits = readEdits(this.hands[live.name] ?? "");
    for (const { trace } of a.leads) trace.change(edits.filter(({ kind }) => kind === trace.kind));
    room.insertBefore(a.root, live.root);
    room.insertBefore(difference.root, live.root.nextSibling);
    const row = { a, b: live, difference };
    for (const [name, card] of Object.entries(row)) {
      card.root.dataset.pane = name;
      card.letter.textContent = view.words[`pane_${name}`];
    }
    return row;
  }

  controls() {
    const { view, root } = this,
      { words } = view,
      sides = add(root, "div", "choice sides", { role: "group", ariaLabel: words.pin_name });
    this.sides = ["a", "b", "difference"].map((name) => {
      const button = add(sides, "button", "", { type: "button", textContent: words[`pane_${name}`] });
      button.onclick = () => this.show(name);
      return { name, button };
    });
    const label = add(root, "label", "follow", { title: words.pin_follow_long });
    this.follow = add(label, "input", "", { type: "checkbox", checked: !this.held });
    label.append(words.pin_follow);
    this.follow.onchange = () => this.hold(!this.follow.checked);
    if (!view.header.before) {
      this.button("pin_swap", "⇄", () => view.swap());
      this.button("unpin", "×", () => view.togglePin());
    }
    this.legend = new Legend(view, add(root, "div", "legend change"), true);
  }
  // sign: what stands for the text on a phone.
  button(name, sign, run) {
    const { [name]: textContent, [`${name}_long`]: title } = this.view.words,
      button = add(this.root, "button", "tool", { type: "button", textContent, title });
    button.dataset.sign = sign;
    button.onclick = run;
  }

  // On a phone one of the three is shown.
  show(name) {
    this.shown = name;
    this.view.moved(true);
  }

  // A stays as it is now, or it is asked what B is asked.
  hold(held) {
    if (held) {
      this.own = part(this.view, true);
      for (const { a } of this.panes) Object.assign(a, { locked: a.query, heads: new Set(a.chosenHeads) });
    }
    this.held = held;
    this.view.draw();
    this.view.settle();
  }

  get ownText() {
    const choices = Object.fromEntries(this.panes.map(({ a }) => [a.name, a.choice]));
    return [writeState(this.own, choices), writeHands(this.hands)].filter(Boolean).join("~");
  }
  get text() {
    if (this.view.header.before && !this.held) return ""; // so it stands there by itself
    return writePin({ held: this.held, text: this.held ? this.ownText : writeHands(this.hands) });
  }
  get cards() {
    return this.panes.flatMap(({ a, difference }) => [a, difference]);
  }

  draw() {
    const { root, shown } = this;
    for (const { name, button } of this.sides) button.setAttribute("aria-pressed", name === shown);
    this.view.root.dataset.shown = shown;
    root.classList.toggle("held", this.held);
    this.follow.checked = !this.held;
    this.legend.draw();
    for (const { a, b } of this.panes)
      for (const card of [a, b]) parted(card.caption, `${card.where} · ${card.meta.title}`);
  }

  remove() {
    this.root.remove();
    this.legend.root.remove();
    for (const { a, b, difference } of this.panes) {
      a.root.remove();
      difference.root.remove();
      b.letter.textContent = "";
      parted(b.caption, b.meta.title);
      delete b.root.dataset.pane;
    }
    delete this.view.root.dataset.shown;
  }
}
