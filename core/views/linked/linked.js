// The linked view: the cards above one film. Hover previews, click locks, Escape releases; none of it asks the server.
// What is locked or chosen is told once it rests (`onChoice`), so that the page and the link can follow.

import { add } from "./dom.js";
import { unpack } from "./bytes.js";
import { hueOf, topMass } from "./colour.js";
import { NUMBERS, part, readState, writeHands, writePin, writeState } from "./state.js";
import { Bar } from "./bar.js";
import { Card } from "./card.js";
import { Film } from "./film.js";
import { Hand } from "./hand.js";
import { arrange, topOf } from "./layout.js";
import { Overview } from "./overview.js";
import { Pin } from "./pin.js";

const FOLLOWS = { held: false, text: "" };
const SETTLED = 300; // ms without a change

class LinkedView {
  // text: what was chosen before (state.js). before: the view that this one replaces, if any.
  constructor(root, { header, buffer }, text, onChoice, before) {
    const { state, cards: chosen, pin } = readState(text);
    Object.assign(this, { root, header, buffer, id: header.id, words: header.words, onChoice, told: text ?? "" });
    Object.assign(this, state);
    Object.assign(this, { redrawn: 0, peek: null, unfolded: before?.unfolded ?? false, pin: null });
    root.replaceChildren();
    this.room = add(root, "div", "cards");
    const names = header.cards.map(({ name }) => name),
      elsewhere = Object.entries(chosen).filter(([name]) => !names.includes(name));
    this.others = Object.fromEntries(elsewhere); // cards of another page, kept in the link
    this.cards = header.cards.map((one) => new Card(one, buffer, this, chosen[one.name]));
    for (const card of this.cards) card.keep(before?.cards.find(({ name }) => name === card.name));
    this.foot = add(root, "div", "foot");
    this.bar = new Bar(this, add(this.foot, "div", "bar"));
    this.film = new Film(this, this.foot);
    this.overview = new Overview(this);
    this.hand = new Hand(this, before?.hand);
    if (header.pins && (pin || header.before)) this.pin = new Pin(this, pin ?? FOLLOWS, header.pinned);
    else this.kept = pin && writePin(pin); // for a page that can show it
    this.watch();
    this.draw();
    if (before) this.settle(); // another sentence has no such word, so what was locked is gone from the link, too
  }

  get functions() {
    return { topMass, hueOf };
  } // for the tests, which see no module's inside
  get accent() {
    return getComputedStyle(this.root).getPropertyValue("--accent").trim();
  }
  get text() {
    const others = Object.entries(this.others).map(([name, value]) => `${name}_${value}`);
    return [writeState(this, this.choices), this.pin?.text ?? this.kept, ...others].filter(Boolean).join("~");
  }
  get choices() {
    return Object.fromEntries(this.cards.map(({ name, choice }) => [name, choice]));
  }
  get numbersText() {
    return [writeState(part(this, true), this.choices), writeHands(this.hand.texts)].filter(Boolean).join("~");
  }
  get drawnText() {
    return writeState(part(this, false), {});
  }
  // All cards that are drawn: those that a person chooses in, and those beside them.
  get all() {
    return [...this.cards, ...(this.pin?.cards ?? [])];
  }

  // What is shown becomes A, or A goes.
  togglePin() {
    if (this.header.before || !this.header.pins) return;
    const now = { held: true, text: this.numbersText };
    this.pin?.remove();
    this.pin = this.pin ? null : new Pin(this, now, null);
    this.moved(true);
    this.settle();
  }

  // A and B change places. Where they have other inputs, the page changes its own (`onSwap`); a saved file has no page.
  swap() {
    if (!this.pin?.held) return;
    const { pin, header, buffer, onChoice, onSwap } = this,
      old = { held: true, text: this.numbersText },
      text = [pin.ownText, writePin(old), this.drawnText].filter(Boolean).join("~");
    if (pin.metas && onSwap) return onSwap(text);
    pin.remove();
    if (pin.metas) {
      const [cards, pinned] = [header.cards.map((one, x) => pin.metas[x] ?? one), header.cards];
      this.destroy();
      this.root.view = new LinkedView(this.root, { header: { ...header, cards, pinned }, buffer }, text, onChoice);
      this.root.view.hand.put(readState(text).hands);
      return;
    }
    const { state, cards, hands } = readState(pin.ownText);
    for (const name of NUMBERS) this[name] = state[name];
    for (const card of this.cards) card.take(cards[card.name]);
    this.hand.put(hands);
    this.pin = new Pin(this, old, null);
    this.moved(true);
    this.settle();
  }

  // The pictures are as large as the window allows, so they follow whatever moves or resizes them.
  watch() {
    this.stopping = new AbortController();
    this.observer = new ResizeObserver(() => this.moved());
    for (let one = this.root; one; one = one.parentElement ?? one.getRootNode().host ?? null)
      this.observer.observe(one);
    const options = { signal: this.stopping.signal };
    window.addEventListener("resize", () => this.moved(), options);
    document.addEventListener("keydown", (e) => this.key(e), options);
    document.fonts?.ready.then(() => this.moved(true));
  }
  destroy() {
    this.observer.disconnect();
    this.stopping.abort();
    this.film.stop();
    this.hand.stop();
    clearTimeout(this.settling);
  }

  // [ and ] are one layer, e is patch by patch, p pins, x swaps, wherever the person is but in a field.
  key(event) {
    const run = {
      "[": () => this.film.step(-1),
      "]": () => this.film.step(1),
      e: () => this.set("smooth", !this.smooth),
      p: () => this.togglePin(),
      x: () => this.swap(),
    }[event.key];
    if (!run || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.composedPath()[0].matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    run();
  }

  set(name, value) {
    this[name] = value;
    this.draw();
    this.settle();
  }
  setDepth(depth) {
    this.depth = depth;
    this.draw();
  }

  // A look at other heads or another layer of a card, until the pointer leaves: { card, heads, depth }.
  glance(peek) {
    this.peek = peek;
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

  moved(surely = false) {
    const now = [this.root.clientWidth, topOf(this.root), window.innerHeight, this.foot.offsetHeight].join();
    if (now === this.stands && !surely) return; // what is said grew by a line: nothing else is to move for it
    this.stands = now;
    for (const card of this.all) card.moved = true;
    this.draw();
  }
  redraw() {
    this.redrawn++;
    this.draw();
  }
  draw() {
    for (const card of this.all) card.known.clear(); // something was changed
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.drawNow();
    });
  }

  // What is pointed at first; the film once that is painted.
  drawNow() {
    const { all } = this;
    all.forEach((card) => card.prepare());
    if (all.some(({ moved }) => moved)) {
      arrange(this);
      this.redrawn++;
      for (const card of all) card.moved = false;
    }
    all.forEach((card) => card.draw());
    this.hand.draw();
    this.bar.draw();
    this.pin?.draw();
    this.later ??= setTimeout(() => {
      this.later = null;
      this.film.draw();
      this.overview.draw();
    });
  }
}

// Streamlit calls this at the mount and at each change of data. A first mount takes what the link says; what the person
// chose stays.
const mounted = new WeakMap();
export default function ({ data, parentElement, setStateValue, setTriggerValue, start }) {
  const root = parentElement.querySelector(".sidelight"),
    before = mounted.get(root),
    { header, arrays } = unpack(data);
  const onChoice = setStateValue && ((text) => setStateValue("view", text)),
    onSwap = setTriggerValue && ((text) => setTriggerValue("swap", text));
  if (before?.id === header.id) {
    Object.assign(before, { onChoice, onSwap });
    return;
  }
  before?.destroy();
  root.view = new LinkedView(
    root,
    { header, buffer: arrays() },
    before?.text ?? start ?? new URLSearchParams(location.search).get("view"),
    onChoice,
    before,
  );
  root.view.onSwap = onSwap;
  mounted.set(root, root.view);
}
