// The alignment of two rows as a table: a row a word that reads, a column a word that is read. Pointing at a cell,
// a tap or the arrows say its weight below; a click or Enter asks what its row reads.

import { add, percent } from "./dom.js";
import { colourAt, scaled, topMass } from "./colour.js";

const LABELS = 110, // px for the words beside the cells and above them
  NOTE = 40, // px of two lines below
  LOWEST = 160, // px of the table
  SQUARE = [23, 42]; // px, at least and at most

export class Matrix {
  // lead: the trace that joins the rows. map() -> of each word that reads, weights and even shares of what it reads.
  constructor(card, lead, map) {
    Object.assign(this, { card, lead, map, view: card.view });
    this.box = add(card.room, "div", "matrix", { hidden: true, tabIndex: 0, role: "region" });
    this.box.ariaLabel = card.view.words.matrix;
    this.box.onkeydown = (e) => this.move(e);
    this.box.onpointerleave = () => this.point(null);
    this.told = add(card.room, "p", "matrixnote", { hidden: true, ariaLive: "polite" });
  }

  // Cells as large as there is room for; where they are smallest, the table scrolls. Its words have their place below.
  fit(width, height) {
    this.box.style.maxHeight = height ? `${Math.max(LOWEST, height - NOTE)}px` : "";
    const { queries, keys } = this.lead,
      side = Math.min((width - LABELS) / keys.groups.length, (height - LABELS - NOTE) / queries.groups.length) - 1;
    this.box.style.setProperty("--cell", `${Math.max(SQUARE[0], Math.min(SQUARE[1], Math.floor(side)))}px`);
  }

  // cell: [row, column], or null.
  point(cell) {
    this.pointed = cell;
    this.cells?.flat().forEach((one) => one.classList.remove("pointed"));
    const [q, k] = cell ?? [],
      found = cell && this.cells[q]?.[k];
    found?.classList.add("pointed");
    this.told.textContent = found?.title ?? this.card.view.words.matrix_hint;
    return found;
  }

  move(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key],
      { queries } = this.lead;
    if (event.key === "Escape") this.card.release();
    if (event.key === "Enter" && this.pointed) this.card.toggleLock(queries.at(this.pointed[0]));
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const asked = this.card.find(this.card.query),
      before = this.pointed ?? [asked.axis === queries ? asked.i : 0, -1],
      last = [this.cells.length - 1, this.cells[0].length - 1],
      next = before.map((one, x) => Math.max(0, Math.min(last[x], one + step[x])));
    this.point(next).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  draw(shown) {
    this.box.hidden = this.told.hidden = !shown;
    if (!shown) return;
    const { card, view } = this,
      { queries, keys } = this.lead,
      asked = card.find(card.query),
      table = document.createElement("table"),
      head = add(add(table, "thead"), "tr");
    add(head, "th");
    keys.groups.forEach((_, k) => {
      add(add(head, "th", "top"), "span").textContent = keys.name(k);
    });
    const body = add(table, "tbody");
    this.cells = this.map().map(({ weights, shares }, q) => {
      const tr = add(body, "tr"),
        name = add(tr, "th"),
        even = Array.from(shares, (s) => s || 1),
        { t } = scaled(weights, even, view.scale),
        kept = topMass(weights, view.keep);
      name.textContent = queries.name(q);
      return Array.from(weights, (w, k) => {
        const own = asked.axis === queries ? asked.i === q : asked.axis === keys && asked.i === k,
          cell = add(tr, "td", own ? "query" : "");
        cell.style.background = shares[k] && kept[k] ? `rgb(${colourAt(view.colours, t[k])})` : "transparent";
        cell.title = `${name.textContent} → ${keys.name(k)}: ${percent(w, 1)}`;
        cell.onclick = () => card.toggleLock(queries.at(q));
        cell.onpointerenter = () => this.point([q, k]);
        return cell;
      });
    });
    this.box.replaceChildren(table);
    this.point(this.pointed);
  }
}
