// The linked view: the cards under one bar. Hover previews, click locks, Escape releases; none of it asks the server.
// What is locked or chosen is told once it rests (`onChoice`), so that the page and the link can follow.

import { add } from "./dom.js";
import { unpack } from "./attention.js";
import { hueOf, topMass } from "./colour.js";
import { readState, writeState } from "./state.js";
import { Card } from "./card.js";
import { Bar } from "./bar.js";

const SETTLED = 300; // ms without a change

class LinkedView {
  // text: what was chosen before (state.js). before: the view that this one replaces, if any.
  constructor(root, { header, buffer }, text, onChoice, before) {
    const { state, cards: chosen } = readState(text);
    Object.assign(
      this,
      { root, id: header.id, words: header.words, tall: header.options.tall, onChoice, told: text ?? "" },
      state,
    );
    root.replaceChildren();
    const bar = add(root, "div", "bar");
    this.room = add(root, "div", header.cards.length > 1 ? "cards two" : "cards");
    const names = header.cards.map(({ name }) => name),
      elsewhere = Object.entries(chosen).filter(([name]) => !names.includes(name));
    this.others = Object.fromEntries(elsewhere); // cards of another page, kept in the link
    this.cards = header.cards.map((one) => new Card(one, buffer, this, chosen[one.name]));
    for (const card of this.cards) card.keep(before?.cards.find(({ name }) => name === card.name));
    new Bar(this, bar);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(root);
    this.draw();
  }

  get functions() {
    return { topMass, hueOf };
  } // for the tests, which see no module's inside
  get accent() {
    return getComputedStyle(this.root).getPropertyValue("--accent").trim();
  }
  get text() {
    const others = Object.entries(this.others).map(([name, value]) => `${name}_${value}`);
    return [writeState(this, Object.fromEntries(this.cards.map(({ name, choice }) => [name, choice]))), ...others]
      .filter(Boolean)
      .join("~");
  }

  destroy() {
    this.observer.disconnect();
    clearTimeout(this.settling);
  }

  set(name, value) {
    this[name] = value;
    this.draw();
    this.settle();
  }
  setDepth(depth) {
    this.depth = depth;
    this.slider.value = depth;
    this.draw();
  }

  settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      if (this.text !== this.told) {
        this.told = this.text;
        this.onChoice?.(this.text);
      }
    }, SETTLED);
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.drawNow();
    });
  }

  drawNow() {
    const layers = this.cards
      .flatMap(({ leads }) => leads)
      .map(({ name, trace }) => `${this.words[name]} ${trace.layers[trace.at(this.depth)] + 1}/${trace.depth}`);
    this.layers.textContent = [...new Set(layers)].join(", "); // two cards of a kind have the same
    this.drawScale();
    this.cards.forEach((card) => card.draw());
  }
}

// Streamlit calls this at the mount and at each change of data. A first mount takes what the link says; what the person
// chose stays.
const mounted = new WeakMap();
export default function ({ data, parentElement, setStateValue, start }) {
  const root = parentElement.querySelector(".sidelight"),
    before = mounted.get(root),
    unpacked = unpack(data);
  const onChoice = setStateValue && ((text) => setStateValue("view", text));
  if (before?.id === unpacked.header.id) {
    before.onChoice = onChoice;
    return;
  }
  before?.destroy();
  root.view = new LinkedView(
    root,
    unpacked,
    before?.text ?? start ?? new URLSearchParams(location.search).get("view"),
    onChoice,
    before,
  );
  mounted.set(root, root.view);
}
