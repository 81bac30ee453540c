// The rows of words of a card, as they are read: one below the other, ribbons between two that a trace joins, arcs
// within a row, above the first and below the last; or the matrix of the trace that joins them.

import { add, descending, percent } from "./dom.js";
import { arcOver, boxesOf, bracketUnder, linesOf, ribbonThrough, sameLine } from "./curves.js";
import { topMass } from "./colour.js";
import { points, signed } from "./moved.js";
import { Matrix } from "./matrix.js";
import { look } from "./pointing.js";

const SVG = "http://www.w3.org/2000/svg";
const LARGEST = 30, // type, px: as large as one line each allows
  ONE_LINE = 18, // below it the rows wrap instead
  WRAPPED = 21,
  SMALLEST = 15;
const TRIED = 20; // the size at which widths are measured
const MOVED = 0.02; // of all attention, from which a change has a ribbon
const FEW = 12; // arcs of a word
const THIN = 3, // px of an arc between lines
  BESIDE_RIBBON = 26; // px from the middle of a ribbon

export class Reading {
  constructor(card) {
    Object.assign(this, { card, view: card.view, rows: [], paths: new Map(), boxes: new Map() });
    this.box = add(card.room, "div", "reading");
    this.svg = this.box.appendChild(document.createElementNS(SVG, "svg"));
    this.svg.setAttribute("aria-hidden", "true");
    this.box.onpointerleave = () => card.preview(null);
  }

  // A place for the words of an axis. joined: how it stands to another row, "source" or "target".
  line(direction, joined) {
    return add(this.box, "div", `line ${joined || "passage"}`, { dir: direction });
  }

  // Once all rows are there. lead: of the trace that joins two of them, if there is one.
  join(rows, lead) {
    Object.assign(this, { rows, lead });
    if (!lead) return;
    this.matrix = new Matrix(this.card, lead, () => this.map());
    lead.keys.beside = { ArrowDown: lead.queries };
    lead.queries.beside = { ArrowUp: lead.keys };
  }

  // What each word of one row reads of the other one.
  map() {
    const { queries, keys, trace } = this.lead,
      { reading, method } = this.view,
      heads = this.card.headsOf(trace),
      l = trace.at(this.card.depth);
    return queries.groups.map((group) => look(trace, l, heads, this.lead.rows(group, reading), keys.groups, method));
  }

  // The largest type that keeps each row on one line; where none does, they wrap. The rest of the height is shared out.
  fit(width, height) {
    this.size = [width, height];
    const set = (name, value) => this.box.style.setProperty(`--${name}`, `${value}px`),
      lines = this.rows.map((row) => row.box);
    if (!lines.length || !width) return;
    this.matrix?.fit(width, height);
    set("type", TRIED);
    const widest = Math.max(
      ...lines.map((line) => [...line.children].reduce((sum, one) => sum + one.offsetWidth + 1, 8)),
    );
    let type = Math.min(LARGEST, Math.floor(((TRIED * width) / widest) * 4) / 4);
    if (type < ONE_LINE) {
      type = WRAPPED;
      set("type", type);
      const tall = () => lines.reduce((sum, line) => sum + line.offsetHeight, 0);
      while (height && type > SMALLEST && tall() > height - 50 * lines.length) set("type", --type);
    }
    set("type", type);
    const used = lines.reduce((sum, line) => sum + line.offsetHeight, 0),
      rest = Math.max(0, height - used),
      two = lines.length > 1,
      room = (share, least, most) => Math.min(most, Math.max(least, rest * share));
    this.above = two ? room(0.2, 22, 76) : room(0.45, 28, 110);
    this.below = two ? room(0.24, 26, 84) : 28;
    set("above", this.above);
    set("below", this.below);
    set("between", two ? Math.min(200, Math.max(38, rest - this.above - this.below)) : 0);
    this.place();
  }

  // So many pixels below where they begin, to stand in the middle of a column.
  lower(by) {
    this.box.style.marginTop = `${by}px`;
    this.place();
  }

  // Where the words are, measured once for all the curves until something moves them.
  place() {
    const origin = this.svg.getBoundingClientRect();
    this.boxes = new Map(this.rows.map((row) => [row, boxesOf(row.box.children, origin)]));
    this.lines = linesOf(this.boxes.values());
  }
  ribbon(a, b) {
    return ribbonThrough(a, b, this.lines);
  }

  draw(lights, tints, asked) {
    const matrix = this.matrix !== undefined && this.view.layout === "matrix";
    const back = this.box.hidden && !matrix;
    this.box.hidden = matrix;
    this.matrix?.draw(matrix);
    if (back) this.fit(...this.size); // what is hidden has no size, so nothing could be measured meanwhile
    if (matrix || !this.boxes.size) return;
    const wanted = new Map();
    if (this.lead) this.backdrop(wanted);
    for (const [x, light] of lights.entries()) this.reach(wanted, light, tints[x], asked);
    const texts = [...this.named(lights, asked), ...this.bracket(wanted, lights, asked)];
    this.show(wanted, texts);
  }

  // What moved: ribbons where both ask the same word, and the largest gain and loss by number. a, b: both sides.
  drawChange(changes, a, b) {
    this.matrix?.draw(false);
    const at = b.card.axes.indexOf(b.asked.axis),
      same = a.card.axes[at] === a.asked.axis && a.asked.axis.placeOf(a.asked.i) === b.asked.axis.placeOf(b.asked.i),
      wanted = new Map(),
      texts = [];
    this.card.axes.forEach((axis, x) => {
      const to = changes[x] && this.boxes.get(axis),
        from = same && this.boxes.get(this.card.axes[at])?.[b.asked.i];
      if (!to) return;
      const { weights } = changes[x],
        own = x === at;
      for (const [j, w] of weights.entries()) {
        if (!from || Math.abs(w) < MOVED || (own && j === b.asked.i)) continue;
        const d = own ? this.within(axis, from, to[j]) : this.ribbon(from, to[j]);
        wanted.set(`${x} ${j}`, { d, kind: w < 0 ? "on less" : "on", width: thick(Math.abs(w)) });
      }
      if (own && this.rows.length > 1) return; // a number would lie on the other row's curves
      const order = [...weights.keys()].filter((j) => !axis.isMark(j)).sort((p, q) => weights[p] - weights[q]);
      for (const j of new Set([order[0], order.at(-1)]))
        if (Math.abs(weights[j] ?? 0) >= 2 * MOVED) texts.push(this.numbered(axis, to, j, weights[j]));
    });
    this.show(wanted, texts);
  }
  numbered(axis, boxes, j, weight) {
    return { text: signed(weight, points(weight)), ...this.beside(axis, boxes[j]), kind: "share" };
  }

  // All strong ribbons, faintly, so that the whole alignment is seen; wrapped lines would only be crossed by them.
  backdrop(wanted) {
    const { queries, keys } = this.lead,
      from = this.boxes.get(keys),
      to = this.boxes.get(queries);
    if (![from, to].every((line) => line.every((one) => sameLine(one, line[0])))) return;
    this.map().forEach(({ weights, shares }, q) =>
      weights.forEach((w, k) => {
        if (w < 0.16 || w < 2 * shares[k] || keys.special[keys.groups[k][0]]) return;
        wanted.set(`off ${q} ${k}`, { d: this.ribbon(from[k], to[q]), kind: "off", width: thick(w) * 0.55 });
      }),
    );
  }

  // From the word that asks to what it lights in a row: ribbons across, arcs within.
  reach(wanted, light, tints, asked) {
    const from = this.boxes.get(asked.axis)?.[asked.i],
      to = light && this.boxes.get(light.axis);
    if (!from || !to) return;
    const { axis, weights, shares } = light,
      own = axis === asked.axis,
      kept = topMass(weights, this.view.keep);
    const some = own ? descending(weights).slice(0, FEW) : [...weights.keys()];
    for (const j of some) {
      const times = weights[j] / (shares[j] || 1);
      if (times < 0.9 || !kept[j] || (own && (j === asked.i || weights[j] < 0.02))) continue;
      const mark = axis.special[axis.groups[j][0]],
        d = own ? this.within(axis, from, to[j]) : this.ribbon(from, to[j]);
      wanted.set(`${own ? "own" : "on"} ${asked.i} ${j}`, {
        d,
        kind: `${own ? "own" : "on"}${mark ? " mark" : ""}`,
        width: mark ? 2 : Math.min(thick(weights[j]), own && this.between(axis, from, to[j]) ? THIN : Infinity),
        colour: tints?.[j] && `rgb(${tints[j]})`,
      });
    }
  }

  // Whether both stand on a line with other lines before and after it, where an arc has little room.
  between(axis, a, b) {
    return sameLine(a, b) && !this.outside(axis, a);
  }
  outside(axis, a) {
    const all = this.boxes.get(axis);
    return this.isUp(axis) ? sameLine(a, all[0]) : sameLine(a, all.at(-1));
  }
  isUp(axis) {
    return this.rows.length === 1 || axis !== this.rows.at(-1);
  }

  // The last of several rows has its arcs below, any other above; from line to line a ribbon.
  within(axis, a, b) {
    if (!sameLine(a, b)) return this.ribbon(a, b);
    const up = this.isUp(axis);
    return arcOver(a, b, up, this.outside(axis, a) ? (up ? this.above : this.below) : 7);
  }

  // The share of the word that is read most, or that reads most, beside it.
  named(lights, asked) {
    const light = lights.find((one) => one?.lead.crosses && this.boxes.has(one.axis));
    if (!light || !this.boxes.has(asked.axis)) return [];
    const { axis, weights } = light,
      best = descending(weights).find((j) => !axis.special[axis.groups[j][0]]);
    if (best === undefined || weights[best] < 0.03) return [];
    return [{ text: percent(weights[best]), ...this.beside(axis, this.boxes.get(axis)[best]), kind: "share" }];
  }

  // Where the number of a word stands: outside of its row; between the rows, beside its ribbon, where other lines of
  // the row are in the way.
  beside(axis, box) {
    const all = this.boxes.get(axis),
      first = axis === this.rows[0],
      outer = this.outside(axis, box),
      inner = sameLine(box, first ? all.at(-1) : all[0]),
      up = outer ? first : !inner || !first;
    return { x: box.cx + (outer ? 0 : BESIDE_RIBBON), y: up ? box.y - 6 : box.bottom + 17 };
  }

  // What a causal row cannot see yet, line by line.
  bracket(wanted, lights, asked) {
    const own = lights.find((one) => one && !one.lead.crosses && one.forward && one.axis === asked.axis),
      all = own?.lead.trace.causal ? this.boxes.get(asked.axis) : null;
    if (!all) return [];
    const { axis, i } = asked,
      rest = all.map((box, x) => ({ box, x })).filter(({ x }) => x > i && !axis.special[axis.groups[x][0]]);
    const lines = [];
    for (const { box } of rest)
      if (lines.length && sameLine(lines.at(-1)[0], box)) lines.at(-1).push(box);
      else lines.push([box]);
    lines.forEach((line, x) =>
      wanted.set(`later ${x}`, { d: bracketUnder(line[0], line.at(-1)), kind: "later", width: 1 }),
    );
    const last = lines.at(-1);
    if (!last) return [];
    const [a, b] = [last[0], last.at(-1)],
      text = this.view.words[axis.written ? "not_written" : "not_read"];
    return [{ text, x: (Math.min(a.x, b.x) + Math.max(a.x + a.w, b.x + b.w)) / 2, y: a.bottom + 21, kind: "later" }];
  }

  // Curves stay while they are wanted, so that a change of width is a movement (style.css).
  show(wanted, texts) {
    for (const [name, path] of this.paths)
      if (!wanted.has(name)) {
        path.remove();
        this.paths.delete(name);
      }
    for (const [name, { d, kind, width, colour }] of wanted) {
      let path = this.paths.get(name);
      if (!path) this.paths.set(name, (path = this.svg.appendChild(document.createElementNS(SVG, "path"))));
      path.setAttribute("d", d);
      path.setAttribute("class", kind);
      path.setAttribute("stroke-width", width.toFixed(1));
      path.style.stroke = colour ?? "";
    }
    this.svg.querySelectorAll("text").forEach((one) => one.remove());
    const width = this.box.clientWidth;
    for (const { text, x, y, kind } of texts) {
      const label = this.svg.appendChild(document.createElementNS(SVG, "text"));
      label.setAttribute("class", kind);
      label.setAttribute("x", Math.max(48, Math.min(width - 48, x)).toFixed(1));
      label.setAttribute("y", y.toFixed(1));
      label.textContent = text;
    }
  }
}

const thick = (weight) => Math.min(20, Math.max(1.2, weight * 18));
