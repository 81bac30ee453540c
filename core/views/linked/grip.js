// How a hand takes hold (hand.js): with a query locked, the keys that it reads answer to pointer and keyboard in place
// of the card. Other cards, and whatever is no key, answer as ever.

const DOUBLES = 24, // px of a drag that double the odds of a weight
  STILL = 3; // px that are no drag

export class Grip {
  constructor(hand, signal) {
    Object.assign(this, { hand, view: hand.view, drag: null });
    const heard = { capture: true, signal }; // before a card hears of it
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel", "click", "keydown"])
      this.view.room.addEventListener(name, (e) => this[name](e), heard);
    for (const name of ["pointerenter", "pointerleave", "focus"])
      this.view.room.addEventListener(name, (e) => this.cardOf(e) && e.stopPropagation(), heard);
  }

  // The card that an event is in, where a query is locked.
  cardOf(event) {
    if (!this.hand.on) return null;
    const card = this.hand.cards.find(({ room }) => room.contains(event.target));
    return card?.find(card.locked) ? card : null;
  }

  // The key under a pointer: { card, axis, i, lead, rows, keys }, or null.
  keyAt(card, event) {
    const { target } = event,
      axis = card.axes.find(({ canvas, box }) => canvas === target || box?.contains(target));
    if (!axis) return null;
    const word = target.closest(".word"),
      chip = chipsOf(axis).find((one) => one.chip === target);
    const i = chip ? chip.position : word ? [...axis.box.children].indexOf(word) : (axis.under?.(event) ?? null);
    return i === null || i < 0 ? null : this.key(card, axis, i);
  }
  key(card, axis, i) {
    const asked = card.find(card.locked),
      light = card.lit(card.locked)[card.axes.indexOf(axis)];
    if (!light?.forward) return null;
    const { lead } = light,
      rows = lead.rows(asked.axis.groups[asked.i], this.view.reading),
      keys = lead.columns(axis.groups[i]);
    return rows.length && keys.length ? { card, axis, i, lead, rows, keys } : null;
  }

  pointerdown(event) {
    const card = this.cardOf(event),
      key = card && event.button === 0 && this.keyAt(card, event);
    if (!key) return;
    event.stopPropagation();
    event.preventDefault();
    event.target.focus({ preventScroll: true });
    event.target.setPointerCapture(event.pointerId);
    this.drag = { y: event.clientY, share: this.hand.shareOf(key), isMoved: false, before: this.hand.texts };
    this.hand.hold(key);
  }
  pointermove(event) {
    const card = this.cardOf(event);
    if (!card) return;
    event.stopPropagation();
    if (!this.drag) return this.hand.point(this.keyAt(card, event));
    const up = this.drag.y - event.clientY;
    this.drag.isMoved ||= Math.abs(up) > STILL;
    if (this.drag.isMoved) this.hand.set(byOdds(this.drag.share, up / DOUBLES), this.drag.before);
  }
  pointerup(event) {
    if (!this.drag) return;
    event.stopPropagation();
    const { isMoved, before } = this.drag;
    this.drag = null;
    if (isMoved) this.hand.remember(before);
    this.view.draw();
  }
  pointercancel(event) {
    this.pointerup(event);
  }
  click(event) {
    const card = this.cardOf(event);
    if (card && this.keyAt(card, event)) event.stopPropagation();
  }

  keydown(event) {
    const card = this.cardOf(event);
    if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
    const { hand } = this,
      held = hand.held?.card === card ? hand.held : null,
      turn = { "+": 1, "=": 1, "-": -1 }[event.key],
      step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key],
      shut = ["0", "Delete", "Backspace"].includes(event.key);
    if (!turn && !step && !shut) return; // Escape among them: the card lets go of its query
    event.stopPropagation();
    event.preventDefault();
    hand.hold(held ? (step ? this.neighbour(held, step) : held) : this.strongest(card));
    if (turn) hand.turn(turn);
    if (shut) hand.give(0);
  }

  // Where a hand that holds nothing begins: at what is read most, marks left out where there is more.
  strongest(card) {
    const keys = card.axes.flatMap((axis) => axis.groups.map((_, i) => this.key(card, axis, i)).filter(Boolean)),
      own = keys.filter(({ lead }) => lead === card.lead),
      told = own.filter(({ axis, i }) => axis.told.includes(i) && !axis.isMark?.(i)),
      [first, ...others] = [told, own, keys].find((some) => some.length) ?? [null];
    return others.reduce((a, b) => (this.hand.shareOf(b) > this.hand.shareOf(a) ? b : a), first);
  }
  neighbour(held, [x, y]) {
    const { card, axis, i } = held,
      columns = axis.meta.grid?.[1],
      right = axis.meta.direction === "rtl" ? -1 : 1,
      next = columns ? i + x + y * columns : i + x * right + y;
    return (next >= 0 && next < axis.groups.length && this.key(card, axis, next)) || held;
  }
}

// Positions of a grid that have a name.
export function chipsOf(axis) {
  return [...(axis.marks?.all ?? []), ...(axis.chips?.all ?? [])];
}

// A share whose odds are so many times doubled.
export function byOdds(share, times) {
  const within = (x) => Math.min(0.999, Math.max(0.0001, x)),
    odds = (within(share) / (1 - within(share))) * 2 ** times;
  return within(odds / (1 + odds));
}
