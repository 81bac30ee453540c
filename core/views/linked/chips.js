// Positions that are chosen by their name: CLS, registers, the objects that a detector found.

import { add, percent } from "./dom.js";
import { scaled } from "./colour.js";
import { LESS, MORE, strength } from "./light.js";
import { placed, points, signed } from "./moved.js";

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

  still() {
    for (const { chip } of this.all) chip.tabIndex = -1;
  }

  draw(light, tints, asked) {
    if (light?.change) return this.drawChange(light, asked);
    for (const { chip, position } of this.all) {
      const weight = light?.weights[position] ?? 0,
        [t] = scaled([weight], [light?.shares[position] || 1], this.view.scale === "raw" ? "raw" : "uniform").t;
      chip.ariaPressed = asked === position;
      chip.title = light && asked !== position ? percent(weight, 1) : "";
      chip.style.setProperty("--light", glow(light && asked !== position ? t : 0).toFixed(3));
      if (tints) chip.style.setProperty("--tint", `rgb(${tints[position]})`);
      else chip.style.removeProperty("--tint");
    }
  }

  drawChange(light, asked) {
    const t = placed(light, this.view.scale);
    for (const { chip, position } of this.all) {
      chip.ariaPressed = asked === position || light.change.asked === position;
      chip.title = signed(light.weights[position], points(light.weights[position], 1));
      chip.style.setProperty("--light", strength(Math.abs(t[position])).toFixed(3));
      chip.style.setProperty("--tint", t[position] < 0 ? LESS : MORE);
    }
  }
}

export const HOT = 0.58; // of the lamp, from which letters on it are black in any theme

// How much of the light colour lies behind a word or a name: none up to an even share, all of it from 18 times on.
export function glow(t) {
  return Math.min(1, Math.max(0, (t - 1 / 3) * 2.14));
}
