// The alignment of two rows as a table: a row a word that reads, a column a word that is read.

import { add, percent } from "./dom.js";
import { colourAt, scaled, topMass } from "./colour.js";

export class Matrix {
  // lead: the trace that joins the rows. map() -> of each word that reads, weights and even shares of what it reads.
  constructor(card, lead, map) {
    Object.assign(this, { card, lead, map, view: card.view });
    this.box = add(card.room, "div", "matrix", { hidden: true, tabIndex: 0, role: "region" });
    this.box.ariaLabel = card.view.words.matrix;
  }

  draw(shown) {
    this.box.hidden = !shown;
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
    this.map().forEach(({ weights, shares }, q) => {
      const tr = add(body, "tr"),
        name = add(tr, "th"),
        even = Array.from(shares, (s) => s || 1),
        { t } = scaled(weights, even, view.scale),
        kept = topMass(weights, view.keep);
      name.textContent = queries.name(q);
      weights.forEach((w, k) => {
        const own = asked.axis === queries ? asked.i === q : asked.axis === keys && asked.i === k,
          cell = add(tr, "td", own ? "query" : "");
        cell.style.background = shares[k] && kept[k] ? `rgb(${colourAt(view.colours, t[k])})` : "transparent";
        cell.title = `${name.textContent} → ${keys.name(k)}: ${percent(w, 1)}`;
        cell.onclick = () => card.toggleLock(queries.at(q));
      });
    });
    this.box.replaceChildren(table);
  }
}
