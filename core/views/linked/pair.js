// Two rows that a trace joins: as two columns with ribbons between them, or as the alignment matrix.

import { add, percent } from "./dom.js";
import { colourAt, scaled, topMass } from "./colour.js";
import { look } from "./pointing.js";

const SVG = "http://www.w3.org/2000/svg";

export class Pair {
  // lead: the header of the trace, with the numbers of both rows.
  constructor(card, { queries, keys }) {
    Object.assign(this, { card, view: card.view });
    this.box = add(card.room, "div", "words");
    this.ribbons = this.box.appendChild(document.createElementNS(SVG, "svg"));
    this.ribbons.ariaHidden = "true";
    this.columns = { [keys]: add(this.box, "div", "column source"), [queries]: add(this.box, "div", "column target") };
    this.box.onpointerleave = () => card.preview(null);
    this.matrix = add(card.room, "div", "matrix");
  }

  // Once the axes are there: an arrow key leads from one to the other.
  join(lead) {
    this.lead = lead;
    for (const row of [lead.queries, lead.keys]) row.beside = { ArrowLeft: lead.keys, ArrowRight: lead.queries };
  }

  // What each word of one row reads of the other one.
  map() {
    const { queries, keys, trace } = this.lead,
      { depth, reading, method } = this.view,
      heads = this.card.headsOf(trace);
    return queries.groups.map((group) =>
      look(trace, trace.at(depth), heads, this.lead.rows(group, reading), keys.groups, method),
    );
  }

  // tints: a colour for each word of each axis, or null.
  draw(tints) {
    const matrix = this.view.layout === "matrix";
    this.box.hidden = matrix;
    this.matrix.hidden = !matrix;
    if (matrix) this.drawMatrix();
    else this.drawRibbons(tints);
  }

  drawRibbons(tints) {
    const { card, view } = this,
      { queries, keys } = this.lead,
      { axis, i } = card.find(card.query),
      box = this.box.getBoundingClientRect(),
      paths = [];
    const ends = (row, edge) =>
      [...row.box.children].map((element) => {
        const r = element.getBoundingClientRect();
        return [r[edge] - box.left, r.top - box.top + r.height / 2];
      });
    const [from, to] = [ends(keys, "right"), ends(queries, "left")],
      none = axis === queries && view.turned; // nothing looks back
    this.map().forEach((row, q) => {
      const kept = topMass(row.weights, view.keep);
      row.weights.forEach((w, k) => {
        const on = !none && (axis === queries ? q === i : k === i),
          times = w / (row.shares[k] || 1);
        if (times < (on ? 0.9 : 2) || !kept[k]) return;
        const path = document.createElementNS(SVG, "path"),
          [[x0, y0], [x1, y1]] = [from[k], to[q]],
          m = (x0 + x1) / 2;
        path.setAttribute("d", `M${x0 + 2} ${y0}C${m} ${y0} ${m} ${y1} ${x1 - 2} ${y1}`);
        path.setAttribute("class", on ? "on" : "off");
        path.setAttribute("stroke-width", (1 + w * 12).toFixed(1));
        path.setAttribute("stroke-opacity", on ? Math.min(1, 0.3 + w).toFixed(2) : Math.min(0.25, w * 0.3).toFixed(2));
        const tint = axis === queries ? tints(keys)?.[k] : tints(queries)?.[q];
        if (on && tint) path.style.stroke = `rgb(${tint})`;
        paths.push(path);
      });
    });
    this.ribbons.replaceChildren(...paths);
  }

  drawMatrix() {
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
        const own = asked.axis === queries ? asked.i === q : asked.i === k,
          cell = add(tr, "td", own ? "query" : "");
        cell.style.background = shares[k] && kept[k] ? `rgb(${colourAt(view.colours, t[k])})` : "transparent";
        cell.title = `${name.textContent} → ${keys.name(k)}: ${percent(w, 1)}`;
        cell.onclick = () => card.toggleLock(queries.at(q));
      });
    });
    this.matrix.replaceChildren(table);
  }
}
