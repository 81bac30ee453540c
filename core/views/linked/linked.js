// The linked view: the cards under one bar. Hover previews, click locks, Escape releases; none of it asks the server.
// What is locked or chosen is told once it rests (`onChoice`), so that the page and the link can follow.

import { add } from "./dom.js";
import { unpack } from "./attention.js";
import { hueOf, topMass } from "./colour.js";
import { readState, writeState } from "./state.js";
import { Picture } from "./picture.js";
import { Sentence } from "./sentence.js";
import { Passage } from "./passage.js";
import { Bar } from "./bar.js";

const SETTLED = 300; // ms without a change

class LinkedView {
  // text: what was chosen before (state.js). before: the view that this one replaces, if any.
  constructor(root, { header, buffer }, text, onChoice, before) {
    const { state, parts } = readState(text);
    Object.assign(
      this,
      { root, id: header.id, words: header.words, tall: header.options.tall, onChoice, told: text ?? "" },
      state,
    );
    root.replaceChildren();
    const bar = add(root, "div", "bar");
    this.cards = add(root, "div", header.parts.length > 1 ? "cards two" : "cards");
    const seen = {};
    this.names = header.parts.map(({ type }) => {
      seen[type] = (seen[type] ?? 0) + 1;
      return seen[type] > 1 ? type + seen[type] : type;
    });
    const elsewhere = Object.entries(parts).filter(([name]) => !this.names.includes(name));
    this.others = Object.fromEntries(elsewhere); // cards of another page, kept in the link
    this.parts = header.parts.map(
      (part, x) =>
        new { image: Picture, sentence: Sentence, text: Passage }[part.type](part, buffer, this, parts[this.names[x]]),
    );
    this.parts.forEach((part, x) => {
      const old = before?.parts[x];
      if (old && old.signature() !== part.signature()) part.locked = "";
    });
    new Bar(
      this,
      bar,
      header.parts.map((p) => p.type),
    );
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
    return [writeState(this, Object.fromEntries(this.parts.map((part, x) => [this.names[x], part.choice]))), ...others]
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
    const layers = this.parts
      .flatMap((part) => part.stacks)
      .map(([name, trace]) => `${name} ${trace.layers[trace.at(this.depth)] + 1}/${trace.depth}`);
    this.layers.textContent = [...new Set(layers)].join(", "); // two cards of a kind have the same
    this.drawScale();
    this.parts.forEach((part) => part.draw());
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
