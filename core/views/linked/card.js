// What all cards share: heading, overview, head chips, notes, the sentence below, hover and lock.

import { add, descending, fill, percent } from "./dom.js";
import { hueOf, mixed } from "./colour.js";
import { readPart } from "./state.js";
import { Overview } from "./overview.js";

export class Card {
  // at: the part's own choice, "" where none was made. Positions are compared by their text.
  constructor(part, view, title, heads, stored) {
    Object.assign(this, { part, view, count: heads, hovered: null });
    const { at, heads: chosen } = readPart(stored, heads);
    this.heads = chosen;
    this.locked = at;
    this.root = add(view.cards, "section", "card");
    const heading = add(this.root, "h2");
    heading.append(title, " ");
    add(heading, "small").textContent = part.title;
    this.row = add(this.root, "div", "row");
  }

  finish() {
    this.overview = new Overview(this.row, this.view, this.stacks, (trace, l, h) => this.thumbnail(trace, l, h), this);
    this.note = add(this.root, "div", "note");
    this.chips = add(this.root, "div", "chips");
    this.buildChips();
    this.say = add(this.root, "p", "say");
    // For screen readers: only what is locked, or hovering would never stop talking.
    this.heard = add(this.root, "p", "heard", { ariaLive: "polite" });
  }

  get query() {
    return this.hovered ?? this.valid(this.locked) ?? this.start;
  }
  get chosenHeads() {
    return [...this.heads].sort((a, b) => a - b);
  }
  headsOf(trace) {
    return this.chosenHeads.filter((h) => h < trace.heads);
  }
  get choice() {
    const heads = this.heads.size < this.count ? this.chosenHeads : null,
      at = this.valid(this.locked) ?? "";
    return at !== "" || heads ? { at, heads } : null;
  }

  // Cards of the same input, such as one photo before and after training, are pointed at together.
  twins(at) {
    return this.view.parts.filter(
      (part) => part === this || (part.part.type === this.part.type && part.input(at) === this.input(at)),
    );
  }
  preview(at) {
    if (at !== this.hovered) {
      this.twins(at).forEach((part) => {
        part.hovered = at;
      });
      this.view.draw();
    }
  }
  lock(at) {
    this.twins(at).forEach((part) => {
      part.locked = at;
      part.hovered = null;
    });
    this.view.draw();
    this.view.settle();
  }
  toggleLock(at) {
    this.lock(this.valid(this.locked) === at ? "" : at);
  }
  release() {
    this.lock("");
  }

  // Click toggles a head, double click leaves it alone; the last one stays on.
  buildChips() {
    const { view, count } = this,
      choose = (heads) => {
        this.heads = heads;
        view.draw();
        view.settle();
      };
    add(this.chips, "span").textContent = view.words.heads;
    for (let h = 0; h < count; h++) {
      const chip = add(this.chips, "button", "chip", { textContent: h + 1, title: view.words.chip_hint });
      chip.style.setProperty("--hue", `rgb(${hueOf(h, count)})`);
      chip.onclick = () => {
        const heads = new Set(this.heads);
        if (!heads.delete(h)) heads.add(h);
        if (heads.size) choose(heads);
      };
      chip.ondblclick = () => choose(new Set([h]));
    }
    add(this.chips, "button", "chip all", { textContent: view.words.all_heads }).onclick = () =>
      choose(new Set(Array(count).keys()));
  }

  drawChips() {
    this.chips.classList.toggle("hues", this.view.hues);
    [...this.chips.querySelectorAll(".chip:not(.all)")].forEach((chip, h) =>
      chip.setAttribute("aria-pressed", this.heads.has(h)),
    );
  }

  // Of each position of `vectors` (one a head, aligned with the chosen heads), the mixed hue.
  tints(vectors) {
    const hues = this.chosenHeads.map((h) => hueOf(h, this.count));
    return Array.from(vectors[0], (_, x) =>
      mixed(
        vectors.map((v) => v[x]),
        hues,
      ),
    );
  }

  // What was changed about the numbers before they were drawn, said under the card.
  notes(trace, l, query, names) {
    const { view } = this,
      { words } = view,
      found = [];
    if (view.hide && names)
      found.push(
        fill(words.hidden_note, {
          names,
          share: query === null ? "–" : percent(trace.hiddenShare(l, this.headsOf(trace), query)),
        }),
      );
    if (view.grid !== "maps")
      found.push(fill(words.grid_note, { name: words[`grid_${view.grid}`], meaning: words[`grid_${view.grid}_help`] }));
    if (view.keep < 1) found.push(fill(words.keep_note, { share: percent(view.keep) }));
    return found;
  }

  announce(who, names, weights) {
    const text = fill(this.view.words.heard, {
      who,
      list: descending(weights)
        .slice(0, 3)
        .map((x) => `${names(x)} ${percent(weights[x], 1)}`)
        .join(", "),
    });
    if (this.hovered === null && this.heard.textContent !== text) this.heard.textContent = text;
  }
}
