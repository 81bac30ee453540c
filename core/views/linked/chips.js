// Positions that are chosen by their name: CLS, registers, the objects that a detector found.

import { add, percent } from "./dom.js";
import { scaled } from "./colour.js";

export class Chips {
  // named: { label, position } each, position a group of `axis`.
  constructor(place, axis, named) {
    this.view = axis.view;
    this.all = named.map(({ label, position }) => {
      const chip = add(place, "button", "chip", { textContent: label });
      axis.hover(chip, position);
      chip.onpointerleave = () => axis.preview(null);
      chip.onclick = () => axis.card.toggleLock(axis.at(position));
      return { chip, position };
    });
  }

  draw(light, tints, asked) {
    for (const { chip, position } of this.all) {
      const weight = light?.weights[position] ?? 0,
        [t] = scaled([weight], [light?.shares[position] || 1], this.view.scale === "raw" ? "raw" : "uniform").t;
      chip.ariaPressed = asked === position;
      chip.title = light && asked !== position ? percent(weight, 1) : "";
      chip.style.setProperty("--light", glow(light && asked !== position ? t : 0));
      if (tints) chip.style.setProperty("--tint", `rgb(${tints[position]})`);
      else chip.style.removeProperty("--tint");
    }
  }
}

// How much of the light colour lies behind a word or a name: none up to even attention.
export function glow(t) {
  return Math.max(0, (t - 1 / 3) * 1.5).toFixed(3);
}
