// On a card: a frame around the key that is held, and around those that were changed for the query that is shown.

import { add, percent } from "./dom.js";
import { concerns } from "./edits.js";
import { chipsOf } from "./grip.js";
import { cellOf } from "./marked.js";

export class Held {
  constructor(card) {
    this.card = card;
    this.frames = [];
  }

  // held: as Hand.key gives it, or nothing. edits: of this card.
  draw(held, edits) {
    const { card } = this,
      asked = card.find(card.query),
      lights = edits.length || held?.card === card ? card.lit(card.query) : [];
    let used = 0;
    card.axes.forEach((axis, x) => {
      const light = lights[x]?.forward ? lights[x].lead : null,
        rows = light?.rows(asked.axis.groups[asked.i], card.view.reading) ?? [],
        own = edits.filter((edit) => edit.kind === light?.trace.kind && this.shows(edit, light.trace, rows));
      axis.groups.forEach((group, i) => {
        const columns = light?.columns(group) ?? [],
          edit = own.findLast(({ keys }) => keys.some((j) => columns.includes(j))),
          isHeld = Boolean(held && held.axis === axis && held.i === i);
        if (axis.shape === "grid" && axis.isPatch(i)) {
          if (edit || isHeld) this.frame(used++, axis, i, edit, isHeld);
        } else this.mark(this.elementOf(axis, i), edit, isHeld);
      });
    });
    this.frames.splice(used).forEach((one) => one.remove());
  }

  shows(edit, trace, rows) {
    const l = trace.layers[trace.at(this.card.depth)];
    return this.card.headsOf(trace).some((h) => rows.some((i) => concerns(edit, l, h, i)));
  }

  elementOf(axis, i) {
    return axis.shape === "row" ? axis.box.children[i] : chipsOf(axis).find(({ position }) => position === i)?.chip;
  }
  mark(element, edit, isHeld) {
    element?.classList.toggle("held", isHeld);
    element?.classList.toggle("edited", Boolean(edit));
    if (edit) element?.setAttribute("data-share", percent(edit.share));
  }

  frame(number, axis, i, edit, isHeld) {
    const one = (this.frames[number] ??= add(axis.frame, "div")),
      { x, y, w, h } = cellOf(axis.within(axis.width, axis.height), i - axis.patches[0]);
    one.className = `heldpatch${isHeld ? " held" : ""}${edit ? " edited" : ""}`;
    one.textContent = edit ? percent(edit.share) : "";
    Object.assign(one.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
  }
}
