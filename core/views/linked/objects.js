// What a decoder looks for in a photo: a name for each object that was found, under the photo.

import { add } from "./dom.js";
import { Axis } from "./axis.js";
import { Chips } from "./chips.js";

export class Objects extends Axis {
  constructor(meta, buffer, card) {
    super(meta, card);
    const under = card.axes.find(({ shape }) => shape === "grid")?.box ?? card.room;
    Object.assign(this, {
      groups: Array.from({ length: meta.count }, (_, i) => [i]),
      special: Array(meta.count).fill(false),
      told: meta.named.map(({ position }) => position),
      start: meta.named[0]?.position ?? 0,
      identity: JSON.stringify(meta.named),
      signature: "objects",
      chips: new Chips(add(under, "div", "chips tokens"), this, meta.named),
    });
  }

  name(i) {
    return this.meta.named.find(({ position }) => position === i)?.label ?? this.view.words.object;
  }

  differs(other) {
    return other.meta.count === this.meta.count ? null : { why: "differ_words" };
  }
  still() {
    this.chips.still();
  }

  draw(light, tints, asked) {
    this.chips.draw(light, tints, asked);
  }
}
