// What the three kinds of axes share. Each has `groups` (what is pointed at together), `special` (positions without
// content), `told` (the groups that a sentence may name), `name(i)`, `start`, and `draw(light, tints, asked)`.

export class Axis {
  constructor(meta, card) {
    Object.assign(this, { meta, card, view: card.view, shape: meta.shape });
  }

  // Axes of one key count on, one after the other.
  get first() {
    const { axes } = this.card,
      before = axes.slice(0, axes.indexOf(this)).filter((one) => one.meta.key === this.meta.key);
    return before.reduce((sum, one) => sum + one.groups.length, 0);
  }
  at(i) {
    return this.meta.key + (this.first + i);
  } // what a link calls a group

  // Where a group lies, the same for another state of the same ground; and the part of it that a sentence names.
  placeOf(i) {
    return i;
  }
  region(i) {
    return { key: `${this.at(i)}`, name: this.called?.(i) ?? this.name(i) };
  }

  preview(i) {
    this.card.preview(i === null ? null : this.at(i));
  }

  // Hovering previews; a finger does not hover.
  hover(element, i) {
    element.onpointerenter = (e) => {
      if (e.pointerType !== "touch") this.preview(i);
    };
  }
}
