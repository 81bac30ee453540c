// The text card: one text that attends to itself, read as running words. A position is a word's (or piece's) number.
// part.marked: positions that are the answer, or were written by the model: underlined.

import { add, descending, fill, percent, speak } from "./dom.js";
import { Trace } from "./attention.js";
import { colourAt, hueOf, scaled, tinted } from "./colour.js";
import { Words } from "./words.js";

const CELLS = 64; // of a thumbnail; of a longer text every n-th row and column is drawn

export class Passage extends Words {
  constructor(part, buffer, view, stored) {
    const trace = new Trace(part.trace, buffer);
    super(part, view, view.words.text, trace.heads, stored);
    Object.assign(this, { trace, marks: part.axis.special.flatMap((mark, i) => (mark ? [i] : [])) });
    this.box = add(this.row, "div", "passage", { dir: part.axis.direction });
    this.box.onpointerleave = () => this.preview(null);
    this.fillWords();
    this.finish();
  }

  get stacks() {
    return [[this.view.words.text, this.trace]];
  }
  get index() {
    return Number(this.query);
  }
  input(at) {
    return at === "" || at === null ? "" : JSON.stringify(this.part.axis.pieces);
  }
  signature() {
    return this.input(0);
  }
  valid(at) {
    return /^\d+$/.test(at) && Number(at) < this.words.length ? String(at) : null;
  }
  name(i) {
    return this.text(this.part.axis, this.words[i]);
  }

  fillWords() {
    const { part, view } = this,
      marked = new Set(part.marked);
    this.words = this.groups(part.axis);
    this.merged = view.merge;
    this.hovered = null;
    const first = this.words.findIndex((group) => group.some((i) => marked.has(i)));
    this.start = String(Math.max(0, first < 0 ? this.words.findIndex((group) => !part.axis.special[group[0]]) : first));
    this.fillWith(this.box, part.axis, this.words, String, (event, i) => this.move(event, i));
    this.words.forEach((group, i) =>
      this.box.children[i].classList.toggle(
        "marked",
        group.some((x) => marked.has(x)),
      ),
    );
  }

  move(event, i) {
    if (event.key === "Escape") return this.release();
    const right = this.part.axis.direction === "rtl" ? -1 : 1; // keys go where their arrows point
    const to = { ArrowLeft: i - right, ArrowUp: i - 1, ArrowRight: i + right, ArrowDown: i + 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.box.children[Math.max(0, Math.min(to, this.words.length - 1))].focus({ focusVisible: true });
  }

  shown(l, heads) {
    return this.view.turned
      ? this.lookedAt(this.trace, l, this.words[this.index], this.words, heads)
      : this.look(this.trace, l, this.words[this.index], this.words, heads);
  }

  draw() {
    const { view, trace } = this;
    if (this.merged !== view.merge) this.fillWords();
    trace.hide(view.hide ? this.marks : []);
    const l = trace.at(view.depth),
      shown = this.shown(l),
      tints = view.hues && this.tints(this.chosenHeads.map((h) => this.shown(l, [h]).weights));
    this.shade(this.box, shown, (i) => i === this.index, tints);
    this.overview.draw([l]);
    this.drawChips();
    const names = this.marks.map((i) => this.part.axis.pieces[i]).join(" "),
      step = Math.ceil(trace.keys / CELLS);
    const notes = this.notes(trace, l, view.turned ? null : this.words[this.index][0], names);
    if (trace.causal) notes.unshift(view.words.causal_note);
    if (step > 1 && view.grid === "maps") notes.push(fill(view.words.sampled_note, { step }));
    this.note.textContent = [...notes, this.part.note].filter(Boolean).join(" · ");
    this.tell(shown.weights);
  }

  thumbnail(trace, l, h) {
    const step = Math.ceil(trace.keys / CELLS);
    if (step === 1) return super.thumbnail(trace, l, h);
    const { view } = this,
      side = Math.ceil(trace.keys / step),
      image = new ImageData(side, side),
      hue = hueOf(h, this.count),
      left = trace.left(l, h);
    for (let y = 0; y < side; y++) {
      const i = y * step,
        seen = Array.from({ length: side }, (_, x) => x * step).filter((j) => trace.seen(l, i, j));
      const { t } = scaled(
        Float32Array.from(seen, (j) => trace.weight(l, h, i, j) / left[i]),
        Array(seen.length).fill(trace.share(l, i)),
        view.scale,
      );
      seen.forEach((j, x) =>
        image.data.set(
          [...(view.hues ? tinted(hue, t[x]) : colourAt(view.colours, t[x])), 255],
          (y * side + j / step) * 4,
        ),
      );
    }
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  tell(weights) {
    const { words, turned, hide } = this.view,
      { index: i, trace } = this,
      who = this.name(i),
      [a, b] = descending(weights).filter((x) => x !== i && weights[x] > 0);
    const values = {
      who,
      first: this.name(a ?? i),
      share: percent(weights[a ?? i]),
      second: this.name(b ?? a ?? i),
      share2: percent(weights[b ?? a ?? i]),
      own: percent(weights[i]),
    };
    speak(this.say, a === undefined ? words.text_alone : turned ? words.text_column : words.text_row, values);
    const unseen = this.words.length - 1 - i;
    if (trace.causal && !turned && unseen > 0) speak(this.say, words.target_future, { count: unseen }, true);
    const marks = this.words.reduce((sum, group, x) => sum + (this.part.axis.special[group[0]] ? weights[x] : 0), 0);
    if (!hide && !turned && this.marks.length)
      speak(
        this.say,
        words.text_marks,
        { share: percent(marks), names: [...new Set(this.marks.map((x) => this.part.axis.pieces[x]))].join(" ") },
        true,
      );
    this.announce(who, (x) => this.name(x), weights);
  }
}
