// The chips of a card's heads. Click toggles one, double click leaves it alone; the last one stays on.

import { add } from "./dom.js";
import { hueOf } from "./colour.js";

export class HeadChips {
  constructor(card) {
    const { words } = card.view,
      count = card.count;
    this.card = card;
    this.root = add(card.root, "div", "chips");
    add(this.root, "span").textContent = words.heads;
    this.all = Array.from({ length: count }, (_, h) => {
      const chip = add(this.root, "button", "chip", { textContent: h + 1, title: words.chip_hint });
      chip.style.setProperty("--hue", `rgb(${hueOf(h, count)})`);
      chip.onclick = () => {
        const heads = new Set(card.heads);
        if (!heads.delete(h)) heads.add(h);
        if (heads.size) this.choose(heads);
      };
      chip.ondblclick = () => this.choose(new Set([h]));
      return chip;
    });
    add(this.root, "button", "chip all", { textContent: words.all_heads }).onclick = () =>
      this.choose(new Set(Array(count).keys()));
  }

  choose(heads) {
    this.card.heads = heads;
    this.card.view.draw();
    this.card.view.settle();
  }

  draw() {
    this.root.classList.toggle("hues", this.card.view.hues);
    this.all.forEach((chip, h) => chip.setAttribute("aria-pressed", this.card.heads.has(h)));
  }
}
