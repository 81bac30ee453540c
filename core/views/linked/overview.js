// All layers and heads of a trace as small pictures, in a drawer over the other card: pointing at one shows it in the
// large picture, a click keeps it. Or a number for each head.

import { add, fill } from "./dom.js";
import { colourAt } from "./colour.js";
import { sized } from "./film.js";
import { CHOICES } from "./state.js";
import { thumbnail } from "./thumbnails.js";

const MARGIN = 20, // px for the numbers of layers and heads
  CELL = 96;

export class Overview {
  constructor(view) {
    const { words } = view;
    Object.assign(this, { view, open: false, card: null, lead: null, pointed: null });
    this.root = add(view.room, "div", "overview", { hidden: true, role: "dialog", ariaLabel: words.layers_heads });
    this.root.onkeydown = (e) => {
      if (e.key === "Escape") this.toggle(false);
    };
    const head = add(this.root, "header");
    this.tabs = add(head, "div", "tabs", { role: "group" });
    this.stacks = view.cards.flatMap((card) => card.leads.map((lead) => ({ card, lead, tab: this.tab(card, lead) })));
    const label = add(head, "label");
    label.append(words.grid);
    this.select = add(label, "select");
    for (const value of CHOICES.grid) add(this.select, "option", "", { value, textContent: words[`grid_${value}`] });
    this.select.onchange = () => view.set("grid", this.select.value);
    add(head, "button", "close", { type: "button", textContent: "×", ariaLabel: words.close }).onclick = () =>
      this.toggle(false);
    this.canvas = add(this.root, "canvas", "cells", { tabIndex: 0, role: "application" });
    this.canvas.onpointermove = (e) => this.point(this.cell(e));
    this.canvas.onpointerleave = () => view.glance(null);
    this.canvas.onclick = (e) => this.choose(this.cell(e));
    this.canvas.onkeydown = (e) => this.move(e);
    this.note = add(this.root, "p", "cellnote");
  }

  tab(card, lead) {
    const { words } = this.view,
      { depth, heads } = lead.trace,
      tab = add(this.tabs, "button", "", { type: "button" });
    tab.textContent = words[lead.name];
    tab.title = fill(words.stack, { name: words[lead.name], layers: depth, heads });
    tab.onclick = () => this.show(card, lead);
    return tab;
  }

  toggle(open = !this.open) {
    this.open = open;
    this.root.hidden = !open;
    this.view.peek = null;
    if (open) {
      const { card, lead } = this.stacks.find((one) => one.lead === one.card.lead) ?? this.stacks[0];
      this.show(this.card ?? card, this.lead ?? lead);
      this.canvas.focus();
    } else this.view.bar.grid.focus();
    this.view.moved(true);
  }

  show(card, lead) {
    Object.assign(this, { card, lead, pointed: null });
    this.view.draw();
  }

  // Over the card beside the one that it belongs to, so that this one shows what is pointed at.
  place() {
    const { cards, root, room, foot } = this.view,
      others = cards.filter((one) => one !== this.card),
      two = root.classList.contains("two") && others.length === 1,
      lone = root.classList.contains("lone"),
      box = room.getBoundingClientRect(),
      picture = this.card.room.getBoundingClientRect();
    let [left, width] = [0, box.width];
    if (two) {
      const over = others[0].root.getBoundingClientRect();
      [left, width] = [over.left - box.left, over.width];
    } else if (lone) {
      const grid = this.card.axes.find(({ shape }) => shape === "grid");
      left = grid.width + 16;
      width = box.width - left;
    }
    const beside = two || lone,
      top = beside ? 0 : Math.max(0, Math.min(picture.bottom, window.innerHeight - foot.offsetHeight - 330) - box.top);
    const film = root.classList.contains("side") ? foot.offsetHeight + 8 : 0; // it stands below the other card
    this.height = beside ? box.height - film : 320;
    Object.assign(this.root.style, { left: `${left}px`, width: `${width}px`, top: `${top}px` });
    this.root.style.maxHeight = `${this.height}px`;
  }

  // Layers run down or across, whichever gives the larger cells.
  get cells() {
    const { trace } = this.lead,
      [layers, heads] = [trace.layers.length, trace.heads],
      width = this.root.clientWidth - 24 - MARGIN,
      height = Math.max(120, this.height - this.canvas.offsetTop - this.note.offsetHeight - 14 - MARGIN),
      ratio = this.view.grid === "maps" && this.lead.keys.ratio ? this.lead.keys.ratio : 1,
      fits = (columns, rows) => Math.min(CELL * ratio, width / columns, (height / rows) * ratio),
      across = fits(layers, heads) > fits(heads, layers),
      wide = Math.max(fits(layers, heads), fits(heads, layers));
    return { across, wide, tall: wide / ratio, columns: across ? layers : heads, rows: across ? heads : layers };
  }

  cell(event) {
    const rect = this.canvas.getBoundingClientRect(),
      { across, wide, tall, columns, rows } = this.drawnCells,
      x = Math.floor((event.clientX - rect.left - MARGIN) / wide),
      y = Math.floor((event.clientY - rect.top - MARGIN) / tall);
    if (x < 0 || y < 0 || x >= columns || y >= rows) return null;
    return across ? { l: x, h: y } : { l: y, h: x };
  }
  depthOf(l) {
    const { layers, depth } = this.lead.trace;
    return depth > 1 ? layers[l] / (depth - 1) : 1;
  }

  point(cell) {
    const same = cell?.l === this.pointed?.l && cell?.h === this.pointed?.h;
    this.pointed = cell;
    if (!same) this.view.glance(cell && { card: this.card, depth: this.depthOf(cell.l), heads: [cell.h] });
  }

  choose(cell) {
    if (!cell) return;
    this.view.peek = null;
    this.card.heads = new Set([cell.h]);
    this.pointed = cell;
    this.view.setDepth(this.depthOf(cell.l));
    this.view.settle();
  }

  move(event) {
    const { across } = this.drawnCells,
      [down, right] = across ? ["h", "l"] : ["l", "h"],
      step = { ArrowLeft: [right, -1], ArrowRight: [right, 1], ArrowUp: [down, -1], ArrowDown: [down, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const { trace } = this.lead,
      cell = { l: trace.at(this.view.depth), h: Math.min(...this.card.heads) };
    cell[step[0]] += step[1];
    if (cell.l >= 0 && cell.l < trace.layers.length && cell.h >= 0 && cell.h < trace.heads) this.choose(cell);
  }

  draw() {
    if (!this.open) return;
    const { view, lead } = this,
      { trace } = lead;
    this.stacks.forEach((one) => one.tab.setAttribute("aria-pressed", one.lead === lead));
    this.select.value = view.grid;
    this.canvas.ariaLabel = this.stacks.find((one) => one.lead === lead).tab.title;
    this.place();
    this.tell();
    const cells = (this.drawnCells = this.cells),
      { across, wide, tall, columns, rows } = cells;
    Object.assign(this.canvas.style, { width: `${columns * wide + MARGIN}px`, height: `${rows * tall + MARGIN}px` });
    const { g, font } = sized(this.canvas),
      now = trace.at(this.card.depth),
      ink = getComputedStyle(this.root).color;
    g.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    g.imageSmoothingEnabled = false;
    g.fillStyle = ink;
    g.font = `11px ${font}`;
    g.textAlign = "center";
    g.textBaseline = "middle";
    const number = (n, along) => (along === across ? trace.layers[n] : n) + 1;
    for (let x = 0; x < columns; x++) g.fillText(number(x, true), MARGIN + (x + 0.5) * wide, MARGIN / 2);
    for (let y = 0; y < rows; y++) g.fillText(number(y, false), MARGIN / 2, MARGIN + (y + 0.5) * tall);
    for (let l = 0; l < trace.layers.length; l++)
      for (let h = 0; h < trace.heads; h++) {
        const [x, y] = across ? [l, h] : [h, l],
          box = [MARGIN + x * wide + 1, MARGIN + y * tall + 1, wide - 2, tall - 2],
          on = this.card.chosenHeads.includes(h);
        if (view.grid === "maps") g.drawImage(this.small(l, h, wide - 2, tall - 2), ...box);
        else this.drawNumber(g, trace, l, h, box);
        if (l !== now || !on) continue;
        g.lineWidth = 2;
        g.strokeStyle = view.accent;
        g.strokeRect(...box);
      }
    g.imageSmoothingEnabled = true;
  }

  // The picture of a cell, kept while nothing but the layer or the heads that are shown changes.
  small(l, h, width, height) {
    const { card, lead, view } = this,
      state = [view.cards.indexOf(card), card.leads.indexOf(lead), lead.last, width, card.options].join();
    if (this.kept?.state !== state) this.kept = { state, pictures: new Map() };
    const { pictures } = this.kept,
      key = l * lead.trace.heads + h;
    if (!pictures.has(key)) pictures.set(key, thumbnail(card, lead, l, h, width, height));
    return pictures.get(key);
  }

  // What the cell is that is pointed at, with its numbers.
  tell() {
    const { view, lead, card } = this,
      { words } = view,
      [only, ...more] = card.heads,
      cell = this.pointed ?? { l: lead.trace.at(view.depth), h: only };
    if (!this.pointed && more.length) {
      const about = view.grid === "maps" ? words.overview_hint : words[`grid_${view.grid}_help`];
      this.note.textContent = about;
      return;
    }
    const numbers = Object.entries(lead.trace.statistics).map(
      ([name, grid]) => `${words[`grid_${name}`]} ${grid[cell.l]?.[cell.h]?.toFixed(2) ?? "–"}`,
    );
    const name = fill(words.cell, { layer: lead.trace.layers[cell.l] + 1, head: cell.h + 1 });
    this.note.textContent = `${name} ${numbers.join(" · ")}`;
  }

  // A head's number as a colour and, where there is room, as a number: 0 dark, 1 and above bright, in both modalities.
  drawNumber(g, trace, l, h, [x, y, width, height]) {
    const value = trace.statistics[this.view.grid][l][h],
      ramp = this.view.colours === "light" ? "cividis" : this.view.colours,
      t = Math.min(1, Math.max(0, value));
    g.fillStyle = `rgb(${colourAt(ramp, t)})`;
    g.fillRect(x, y, width, height);
    if (width < 18) return;
    g.fillStyle = t > 0.55 ? "#000" : "#fff";
    g.fillText(value.toFixed(value < 9.95 ? 1 : 0).replace(/^0\./, "."), x + width / 2, y + height / 2);
  }
}
