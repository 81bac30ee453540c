// A row of words: pieces as buttons, single or merged to words, lit by their attention. Pieces that carry no content,
// such as a language tag or the end, are named by what they are and stand apart.

import { add, fill, percent } from "./dom.js";
import { Axis } from "./axis.js";
import { HOT, glow } from "./chips.js";
import { scaled, topMass } from "./colour.js";
import { daylight, strength } from "./light.js";
import { ASK } from "./marked.js";
import { placed, points, signed } from "./moved.js";

const MARKS_TOLD = 3; // names of marks that a sentence tells
const WARM = 0.25; // of the lamp, from which letters are as far from it as they can be
const GREY = [16, 17, 19],
  INK = [241, 238, 231],
  LIT = [255, 180, 61];

export class Row extends Axis {
  // meta: a TokenAxis, the positions that are marked, as an answer is, how sure the model was of each, and below which
  // probability it is unsure.
  constructor(meta, buffer, card, line) {
    super(meta, card);
    this.written = card.meta.leads.some((one) => one.written && card.meta.axes[one.queries] === meta);
    this.box = line;
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
    const locked = this.groups && this.card.find(this.card.locked),
      piece = locked?.axis === this ? this.groups[locked.i][0] : null;
    this.groups = [];
    if (view.merge) meta.words.forEach((word, i) => (this.groups[word] ??= []).push(i));
    else this.groups = meta.pieces.map((_, i) => [i]);
    if (piece !== null) this.card.locked = this.at(this.groups.findIndex((group) => group.includes(piece)));
    this.told = [...this.groups.keys()];
    this.fill();
    this.card.moved = true;
  }

  isMark(i) {
    return this.special[this.groups[i][0]];
  }
  name(i) {
    if (this.isMark(i)) return this.groups[i].map((x) => this.markName(x)).join(" ");
    const pieces = this.groups[i].map((x) => this.meta.pieces[x]).join(""),
      text = pieces.replaceAll("\ufffd", "") || pieces; // half characters, where the whole is there
    return text || "▁";
  }

  // A language as "→ DE", the end as a word of the reader's, any other mark as it is written.
  markName(x) {
    const { words } = this.view,
      piece = this.meta.pieces[x],
      code = this.language(x);
    if (code) return fill(words.mark_language, { code });
    return words[`mark_${this.meta.kinds[x]}`] ?? (piece || "▁");
  }
  // What a mark is called in a sentence: "the end mark".
  kindName(x) {
    const { words } = this.view;
    if (this.language(x)) return words.kind_tag;
    return words[`kind_${this.meta.kinds[x]}`] ?? this.meta.pieces[x];
  }
  get markNames() {
    const marks = [...this.meta.pieces.keys()].filter((x) => this.special[x]);
    const names = [...new Set(marks.map((x) => this.kindName(x)))],
      { and, comma } = this.view.words;
    return names.length > MARKS_TOLD ? [...names.slice(0, MARKS_TOLD), "…"].join(comma) : names.join(and);
  }
  called(i) {
    return this.isMark(i) ? this.kindName(this.groups[i][0]) : this.name(i);
  }
  // Marks are matched by what they are, so that another target language leaves the source what it is.
  placeOf(i) {
    const same = (x) => (this.isMark(x) ? this.called(x) : "");
    let before = 0;
    for (let x = 0; x < i; x++) before += same(x) === same(i);
    return `${same(i)} ${before}`;
  }
  get content() {
    return this.told.filter((i) => !this.isMark(i)).map((i) => this.name(i));
  }
  // Why a row of another state has no difference to this one, or null.
  differs(other) {
    return String(other.content) === String(this.content) ? null : { why: "differ_words" };
  }
  still() {
    this.stands = true;
  }

  language(x) {
    const piece = this.meta.pieces[x];
    return this.meta.kinds[x] === "tag" || piece.includes("_") ? languageOf(piece) : null;
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

  // The probability of a word, as the model wrote it: the product over its pieces; null where that is not known.
  sure(i) {
    if (!this.meta.sure.length || this.isMark(i)) return null;
    return this.groups[i].reduce((product, x) => product * this.meta.sure[x], 1);
  }

  // The words that the model is unsure of; no punctuation.
  get guesses() {
    return this.told.filter((i) => (this.sure(i) ?? 1) < this.meta.unsure && /[\p{L}\p{N}]/u.test(this.name(i)));
  }

  fill() {
    this.box.replaceChildren();
    const { guesses } = this;
    this.groups.forEach((group, i) => {
      const word = add(this.box, "button", "word", { textContent: this.name(i), dir: "auto", type: "button" }),
        sure = this.sure(i);
      word.classList.toggle("mark", this.isMark(i));
      word.classList.toggle(
        "marked",
        group.some((x) => this.meta.marked.includes(x)),
      );
      if (sure !== null) {
        word.classList.toggle("unsure", guesses.includes(i));
        add(word, "i", "sure").style.setProperty("--sure", sure.toFixed(3));
      }
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

  // Of each word: its place on the scale, how much of it is seen at all, and whether it is kept.
  scale(light) {
    const none = new Float32Array(this.groups.length),
      { weights, shares } = light ?? { weights: none, shares: none },
      even = Array.from(shares, (s) => s || 1);
    return { weights, shares, t: scaled(weights, even, this.view.scale).t, kept: topMass(weights, this.view.keep) };
  }

  draw(light, tints, asked) {
    if (light?.change) return this.drawChange(light, asked);
    const { weights, shares, t, kept } = this.scale(light);
    [...this.box.children].forEach((word, i) => {
      const asks = asked === i,
        unseen = !shares[i] && !asks,
        dark = asks || unseen || !kept[i] || this.isMark(i),
        lamp = dark ? 0 : glow(t[i]);
      word.classList.toggle("query", asks);
      word.classList.toggle("unseen", unseen);
      word.classList.toggle("warm", lamp > WARM && lamp <= HOT);
      word.classList.toggle("hot", lamp > HOT);
      word.style.setProperty("--light", lamp.toFixed(3));
      word.style.setProperty("--fade", asks ? 1 : unseen || !kept[i] ? 0 : daylight(t[i]).toFixed(3));
      if (tints) word.style.setProperty("--tint", `rgb(${tints[i]})`);
      else word.style.removeProperty("--tint");
      word.title = asks ? "" : percent(weights[i], 1);
      word.setAttribute("aria-pressed", asks);
      word.tabIndex = asks && !this.stands ? 0 : -1; // one stop for Tab, from which the arrow keys lead on
    });
  }

  // What it has more and less than in another state.
  drawChange(light, asked) {
    const t = placed(light, this.view.scale);
    [...this.box.children].forEach((word, i) => {
      const asks = asked === i || light.change.asked === i,
        much = asks ? 0 : strength(Math.abs(t[i]));
      word.classList.toggle("query", asks);
      word.classList.toggle("less", t[i] < 0);
      word.classList.toggle("hot", much > HOT && !this.isMark(i));
      word.style.setProperty("--light", this.isMark(i) ? 0 : much.toFixed(3));
      word.style.setProperty("--fade", asks ? 1 : much.toFixed(3));
      word.title = signed(light.weights[i], points(light.weights[i], 1));
      word.tabIndex = -1;
    });
  }

  // The same row small: a bar as long as its word, on a dark ground.
  glimpse(g, [x, y, width, height], light, tints, asked) {
    const { shares, t, kept } = this.scale(light),
      long = this.groups.map((_, i) => (this.isMark(i) ? 1.2 : Math.max(1.4, letters(this.name(i))))),
      unit = Math.min(8, width / long.reduce((sum, one) => sum + one + 0.9, 0)),
      whole = long.reduce((sum, one) => sum + (one + 0.9) * unit, 0),
      back = this.meta.direction === "rtl";
    let at = x + (width - whole) / 2;
    long.forEach((one, i) => {
      const left = back ? 2 * x + width - at - one * unit : at,
        seen = shares[i] && kept[i];
      g.fillStyle = barColour(asked === i, seen, this.isMark(i), t[i], tints?.[i]);
      g.beginPath();
      g.roundRect(left, y, Math.max(1, one * unit), height, 2);
      g.fill();
      at += (one + 0.9) * unit;
    });
  }
}

function barColour(asks, seen, mark, t, tint = LIT) {
  if (asks) return ASK;
  if (!seen) return "#2a2b2e";
  if (mark) return "#3f4044";
  const low = 0.16 + 0.3 * daylight(t),
    lamp = glow(t);
  return `rgb(${GREY.map((x, c) => {
    const grey = x + (INK[c] - x) * low;
    return Math.round(grey + (tint[c] - grey) * lamp);
  })})`;
}

// How much room a word takes: a Chinese letter is as wide as two.
function letters(text) {
  return [...text].reduce((sum, one) => sum + (/[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]/.test(one) ? 2 : 1), 0);
}

// The two letters of the language that a mark names, by the browser's own table: ">>deu<<" and "deu_Latn" are "DE".
function languageOf(piece) {
  const code = piece.replace(/^\W+|\W+$/g, "").replaceAll("_", "-");
  return /^[a-z]{2,3}(-[A-Z][a-z]{3})?$/.test(code)
    ? Intl.getCanonicalLocales(code)[0].split("-")[0].toUpperCase()
    : null;
}
