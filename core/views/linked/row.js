// A row of words: pieces as buttons, single or merged to words, lit by their attention.

import { add, percent } from "./dom.js";
import { Axis } from "./axis.js";
import { glow } from "./chips.js";
import { scaled, topMass } from "./colour.js";

export class Row extends Axis {
  // meta: a TokenAxis, and the positions that are marked, as an answer is. column: where two rows are joined.
  constructor(meta, buffer, card, column) {
    super(meta, card);
    this.written = card.meta.leads.some((one) => one.written && card.meta.axes[one.queries] === meta);
    this.box = column ?? add(card.room, "div", "passage", { dir: meta.direction });
    if (!column) this.box.onpointerleave = () => this.preview(null);
    this.beside = {}; // where keys lead to another row
    this.special = meta.special;
    this.identity = this.signature = JSON.stringify(meta.pieces);
    this.regroup();
  }

  // Pieces, or the pieces of a word together.
  regroup() {
    const { view, meta } = this;
    if (this.merged === view.merge) return;
    this.merged = view.merge;
    this.card.hovered = null;
    this.groups = [];
    if (view.merge) meta.words.forEach((word, i) => (this.groups[word] ??= []).push(i));
    else this.groups = meta.pieces.map((_, i) => [i]);
    this.told = [...this.groups.keys()];
    this.fill();
  }

  name(i) {
    const pieces = this.groups[i].map((x) => this.meta.pieces[x]).join(""),
      text = pieces.replaceAll("\ufffd", "") || pieces; // half characters, where the whole is there
    return this.said(text);
  }
  said(piece) {
    return piece === "</s>" ? this.view.words.end_mark : piece || "▁";
  }
  get markNames() {
    return [...new Set(this.meta.pieces.filter((_, i) => this.special[i]))].map((piece) => this.said(piece)).join(" ");
  }

  // What is asked first: the answer, of what is written the second word, else the first one with content.
  get start() {
    const marked = this.groups.findIndex((group) => group.some((i) => this.meta.marked.includes(i)));
    if (marked >= 0) return marked;
    if (this.written) return Math.min(1, this.groups.length - 1);
    return Math.max(
      0,
      this.groups.findIndex((group) => !this.special[group[0]]),
    );
  }

  fill() {
    this.box.replaceChildren();
    this.groups.forEach((group, i) => {
      const word = add(this.box, "button", "word", { textContent: this.name(i), dir: "auto" });
      word.classList.toggle("mark", this.special[group[0]]);
      word.classList.toggle(
        "marked",
        group.some((x) => this.meta.marked.includes(x)),
      );
      this.hover(word, i);
      word.onfocus = () => {
        if (word.matches(":focus-visible")) this.card.lock(this.at(i));
      }; // by key; a pointer's click comes with its own event
      word.onclick = (e) => {
        if (e.detail) this.card.toggleLock(this.at(i));
        else this.card.lock(this.at(i));
      };
      word.onkeydown = (e) => this.move(e, i);
    });
  }

  // Keys go where their arrows point.
  move(event, i) {
    if (event.key === "Escape") return this.card.release();
    const right = this.meta.direction === "rtl" ? -1 : 1;
    const step = { ArrowLeft: -right, ArrowUp: -1, ArrowRight: right, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const other = this.beside[event.key];
    if (other) other.focus(i);
    else this.focus(i + step);
  }
  focus(i) {
    this.box.children[Math.max(0, Math.min(i, this.groups.length - 1))]?.focus({ focusVisible: true });
  }

  draw(light, tints, asked) {
    const none = new Float32Array(this.groups.length),
      { weights, shares } = light ?? { weights: none, shares: none },
      { t } = scaled(
        weights,
        Array.from(shares, (s) => s || 1),
        this.view.scale,
      ),
      kept = topMass(weights, this.view.keep);
    [...this.box.children].forEach((word, i) => {
      const asks = asked === i,
        unseen = !shares[i] && !asks,
        dark = asks || unseen || !kept[i];
      word.classList.toggle("query", asks);
      word.classList.toggle("unseen", unseen);
      word.style.setProperty("--light", dark ? 0 : glow(t[i]));
      word.style.setProperty(
        "--fade",
        asks ? 1 : unseen ? 0.3 : !kept[i] ? 0.45 : (0.45 + 0.55 * Math.min(1, t[i] * 3)).toFixed(3),
      );
      if (tints) word.style.setProperty("--tint", `rgb(${tints[i]})`);
      else word.style.removeProperty("--tint");
      word.title = asks ? "" : percent(weights[i], 1);
      word.setAttribute("aria-pressed", asks);
      word.tabIndex = asks ? 0 : -1; // one stop for Tab, from which the arrow keys lead on
    });
  }
}
