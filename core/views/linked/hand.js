// By hand: with a query locked, what it reads is taken hold of and dragged up or down, or changed by keys; the rest of
// the row takes over in proportion. The server runs the model on, and what it answers stands beside what it answered.
// Where no page offers that (core/ui/browser/hand.js), as in a saved file, there is no hand.

import { add, fill, percent } from "./dom.js";
import { Answers } from "./answers.js";
import { placeOf, readEdits, writeEdits } from "./edits.js";
import { Grip, byOdds } from "./grip.js";
import { Held } from "./held.js";

const RESTS = 120, // ms without a change, after which the server is asked
  EDITS = 40; // at most, as core/ui/byhand.py reads them

const inputs = ({ cards }) =>
  JSON.stringify(cards.map(({ meta, axes }) => [meta.title, axes.map((one) => one.identity)]));

export class Hand {
  // cards: those that can be changed. edits: of each. all: whether an edit is of all queries, of all layers. past,
  // future: what to undo and to do again. before: the hand of the view that this one replaces.
  constructor(view, before) {
    const same = before && inputs(view) === inputs(before.view), // what was done to another one is nothing to undo here
      { on = false, all = {} } = before ?? {},
      { past = [], future = [] } = same ? before : {};
    Object.assign(this, { view, on, all, past, future, cards: [], edits: {}, held: null, pointed: null });
    this.button = view.bar.tool(view.words.hand, () => this.toggle(), "✎");
    this.root = add(view.foot, "div", "hand", { role: "region", ariaLabel: view.words.hand });
    view.foot.prepend(this.root);
    this.furnish(add(this.root, "div", "handline"));
    this.answers = new Answers(view, this.root);
    this.marks = view.cards.map((card) => new Held(card));
    const { signal } = (this.stopping = new AbortController());
    this.grip = new Grip(this, signal);
    window.addEventListener("sidelight-hand", () => this.take(), { signal });
    document.addEventListener("keydown", (e) => this.undoKey(e), { signal });
    this.take();
  }

  furnish(line) {
    const { words } = this.view;
    this.say = add(line, "p", "", { ariaLive: "polite" });
    this.scopes = ["queries", "layers"].map((name) => {
      const select = add(line, "select", "", { ariaLabel: words[`hand_${name}`] });
      for (const value of ["this", "all"])
        add(select, "option", "", { value, textContent: words[`hand_${name}_${value}`] });
      select.value = this.all[name] ? "all" : "this";
      select.onchange = () => {
        this.all[name] = select.value === "all";
      };
      return select;
    });
    const tool = (name, text, run) => {
      const ariaLabel = words[`hand_${name}`],
        button = add(line, "button", "tool", { type: "button", textContent: text, title: ariaLabel, ariaLabel });
      button.onclick = run;
      return button;
    };
    this.changing = [
      tool("less", "−", () => this.turn(-1)),
      tool("more", "+", () => this.turn(1)),
      tool("shut", words.hand_shut, () => this.give(0)),
    ];
    this.undo = tool("undo", words.hand_undo, () => this.step(this.past, this.future));
    this.redo = tool("redo", words.hand_redo, () => this.step(this.future, this.past));
    this.reset = tool("reset", words.hand_reset, () => this.restore({}, true));
  }

  stop() {
    this.stopping.abort();
    clearTimeout(this.asking);
  }

  // What the page offers: of each card its edits, and what the model answers with them. While another answer is to
  // come, an older one is passed over.
  take() {
    const offered = window.sidelightHand?.cards ?? {};
    this.cards = this.view.cards.filter(({ name }) => name in offered);
    this.button.hidden = !this.cards.length;
    const isNews = !this.asked || this.cards.every(({ name }) => offered[name].edits === this.asked[name]);
    if (this.cards.length && !this.grip.drag && isNews) {
      this.asked = null;
      for (const { name } of this.cards) this.edits[name] = readEdits(offered[name].edits);
      this.answers.show(offered);
    }
    this.apply();
  }
  get texts() {
    return Object.fromEntries(this.cards.map(({ name }) => [name, writeEdits(this.edits[name] ?? [])]));
  }

  toggle() {
    this.on = !this.on;
    this.hold(null);
    if (this.on && this.view.turned) this.view.set("turned", false);
    this.view.moved(true);
  }
  hold(key) {
    this.held = key;
    this.view.draw();
  }
  point(key) {
    this.pointed = key;
    this.view.draw();
  }

  // What a query gives to a key, or to the pieces of a word, as the mean of the heads that are on.
  shareOf({ card, lead: { trace }, rows, keys }) {
    const heads = card.headsOf(trace),
      l = trace.at(card.depth);
    let sum = 0;
    for (const h of heads) for (const i of rows) for (const j of keys) sum += trace.shown(l, h, i, j);
    return sum / heads.length / rows.length;
  }

  // Twice the odds of what is held, or half of them; what was shut has its share again.
  turn(sign) {
    const share = this.held && this.shareOf(this.held);
    if (share > 0) this.give(byOdds(share, sign));
    else if (sign > 0) this.give(null);
  }
  give(share) {
    if (!this.held) return;
    const before = this.texts;
    this.set(share, before);
    this.remember(before);
  }

  // What is held gets this share, on top of `before`; null takes the edit back.
  set(share, before) {
    const { card, lead, rows, keys } = this.held,
      { trace } = lead,
      heads = card.headsOf(trace),
      layer = this.all.layers ? null : trace.layers[trace.at(card.depth)],
      made = { kind: trace.kind, layer, queries: this.all.queries ? null : rows, keys, share },
      every = (heads.length < trace.heads ? heads : [null]).map((head) => ({ ...made, head })),
      places = every.map(placeOf),
      kept = readEdits(before[card.name]).filter((edit) => !places.includes(placeOf(edit)));
    this.edits[card.name] = [...kept, ...(share === null ? [] : every)].slice(-EDITS);
    this.ask();
  }

  remember(before) {
    if (JSON.stringify(before) === JSON.stringify(this.texts)) return;
    this.past.push(before);
    this.future.length = 0;
  }
  restore(edits, isNew = false) {
    const before = this.texts;
    for (const { name } of this.cards) this.edits[name] = readEdits(edits[name] ?? "");
    if (isNew) this.remember(before);
    this.ask();
  }
  // What A had, where A and B change places; a saved file has nobody to ask.
  put(texts) {
    if (this.cards.length) return this.restore(texts, true);
    for (const { name } of this.view.cards) this.edits[name] = readEdits(texts[name] ?? "");
    this.apply();
  }
  step(from, to) {
    if (!from.length) return;
    to.push(this.texts);
    this.restore(from.pop());
  }
  undoKey(event) {
    const again = event.key === "y" || event.key === "Z";
    if (this.root.hidden || !(event.ctrlKey || event.metaKey) || !(again || event.key === "z")) return;
    if (event.composedPath()[0].matches?.("input, textarea, [contenteditable]")) return;
    event.preventDefault();
    if (again) this.step(this.future, this.past);
    else this.step(this.past, this.future);
  }

  // The picture follows at once, the server is asked once it rests.
  ask() {
    this.apply();
    clearTimeout(this.asking);
    this.asked = this.texts; // an answer to anything else comes too late
    this.asking = setTimeout(() => {
      this.answers.wait();
      window.sidelightHand?.send(this.texts);
    }, RESTS);
  }
  apply() {
    for (const card of this.view.cards)
      for (const { trace } of card.leads)
        trace.change((this.edits[card.name] ?? []).filter(({ kind }) => kind === trace.kind));
    this.view.redraw();
  }

  // After the cards: what is held and what was changed is marked on them.
  draw() {
    const { on, cards, view } = this,
      isChanged = cards.some(({ name }) => this.edits[name]?.length),
      isHidden = !cards.length || (!on && !isChanged);
    if (this.root.hidden !== isHidden) {
      this.root.hidden = isHidden;
      view.moved(true);
    }
    view.root.classList.toggle("byhand", on && cards.length > 0);
    this.button.setAttribute("aria-pressed", on);
    if (this.held && !this.held.card.find(this.held.card.locked)) this.held = null;
    for (const mark of this.marks) mark.draw(on ? this.held : null, this.edits[mark.card.name] ?? []);
    this.undo.disabled = !this.past.length;
    this.redo.disabled = !this.future.length;
    this.reset.disabled = !isChanged;
    for (const button of this.changing) button.hidden = !on || !this.held;
    for (const select of this.scopes) select.hidden = !on;
    const text = this.sentence();
    if (this.say.textContent !== text) this.say.textContent = text;
  }

  sentence() {
    const { words } = this.view;
    if (!this.on) return words.hand_edited;
    if (!this.cards.some((card) => card.find(card.locked))) return words.hand_lock;
    const key = this.held ?? this.pointed,
      asked = key?.card.find(key.card.locked);
    if (!asked) return words.hand_drag;
    const name = (axis, i) => (axis.place && axis.isPatch(i) ? fill(words.at, axis.place(i)) : axis.name(i)),
      values = { who: name(asked.axis, asked.i), what: name(key.axis, key.i), share: percent(this.shareOf(key), 1) };
    return fill(words.hand_key, values);
  }
}
