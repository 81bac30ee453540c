// Layer x head thumbnails of a card. Hovering enlarges one; a click shows that layer and that head alone.

import { add, fill } from "./dom.js";
import { colourAt } from "./colour.js";

export class Overview {
  // card: whose traces these are, and whose heads are chosen. thumbnail(lead, layer, head) -> canvas.
  constructor(parent, view, card, thumbnail) {
    Object.assign(this, { view, card, thumbnail });
    this.root = add(parent, "div", "overview");
    this.grids = card.leads.map((lead) => {
      const { name, trace } = lead,
        caption = add(this.root, "div", "caption");
      caption.textContent = fill(view.words.stack, {
        name: view.words[name],
        layers: trace.depth,
        heads: trace.heads,
      });
      const canvas = add(this.root, "canvas", "", { tabIndex: 0, role: "application", ariaLabel: caption.textContent });
      canvas.onclick = (e) => this.select(trace, ...this.cell(e, canvas, trace));
      canvas.onpointermove = (e) => {
        if (e.pointerType !== "touch") this.enlarge(canvas, lead, ...this.cell(e, canvas, trace));
      };
      canvas.onpointerleave = () => {
        this.large.hidden = true;
      };
      canvas.onkeydown = (e) => this.move(e, trace);
      return canvas;
    });
    this.large = add(this.root, "div", "large", { hidden: true });
    this.largeCanvas = add(this.large, "canvas");
    this.largeName = add(this.large, "div");
  }

  cell(event, canvas, trace) {
    const rect = canvas.getBoundingClientRect(),
      inside = (at, size, n) => Math.max(0, Math.min(n - 1, Math.floor((at / size) * n)));
    return [
      inside(event.clientY - rect.top, rect.height, trace.layers.length),
      inside(event.clientX - rect.left, rect.width, trace.heads),
    ];
  }

  enlarge(canvas, lead, l, h) {
    const { trace } = lead,
      small = this.thumbnail(lead, l, h),
      side = 168,
      scale = side / Math.max(small.width, small.height),
      ratio = window.devicePixelRatio || 1;
    const [w, t] = [Math.max(1, Math.round(small.width * scale)), Math.max(1, Math.round(small.height * scale))];
    Object.assign(this.largeCanvas, { width: w * ratio, height: t * ratio });
    Object.assign(this.largeCanvas.style, { width: `${w}px`, height: `${t}px` });
    const g = this.largeCanvas.getContext("2d");
    g.imageSmoothingEnabled = false;
    g.drawImage(small, 0, 0, w * ratio, t * ratio);
    const { words } = this.view,
      numbers = Object.entries(trace.statistics).map(
        ([name, grid]) => `${words[`grid_${name}`]} ${grid[l][h].toFixed(2)}`,
      );
    const name = fill(words.cell, { layer: trace.layers[l] + 1, head: h + 1 });
    this.largeName.textContent = `${name} ${numbers.join(" · ")}`;
    this.large.hidden = false;
    // Below the cell, never under the pointer, and never beyond the right edge.
    const place = canvas.offsetTop + ((l + 1) / trace.layers.length) * canvas.offsetHeight + 6;
    const edge = Math.max(0, this.root.offsetLeft + this.root.offsetWidth - side - 18);
    const left = Math.min(canvas.offsetLeft + (h / trace.heads) * canvas.offsetWidth, edge);
    Object.assign(this.large.style, {
      top: `${place}px`,
      left: `${left}px`,
    });
  }

  select(trace, l, h) {
    this.card.heads = new Set([h]);
    this.view.setDepth(trace.depth > 1 ? trace.layers[l] / (trace.depth - 1) : 1);
    this.view.settle();
  }

  move(event, trace) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const l = trace.at(this.view.depth) + step[0],
      h = Math.min(...this.card.heads) + step[1];
    if (l >= 0 && l < trace.layers.length && h >= 0 && h < trace.heads) this.select(trace, l, h);
  }

  // A head's number as a colour and, where there is room, as a number: 0 dark, 1 and above bright, in both modalities.
  drawNumber(g, trace, l, h, side, gap) {
    const value = trace.statistics[this.view.grid][l][h],
      ramp = this.view.colours === "light" ? "cividis" : this.view.colours,
      t = Math.min(1, Math.max(0, value));
    g.fillStyle = `rgb(${colourAt(ramp, t)})`;
    g.fillRect(h * side + gap / 2, l * side + gap / 2, side - gap, side - gap);
    if (side < 20) return;
    g.fillStyle = t > 0.55 ? "#000" : "#fff";
    g.font = `${Math.min(11, side * 0.4)}px system-ui`;
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillText(value.toFixed(value < 9.95 ? 1 : 0).replace(/^0\./, "."), (h + 0.5) * side, (l + 0.5) * side);
  }

  draw() {
    clearTimeout(this.timer); // the picture under the pointer first, its thumbnails once it rests
    this.timer = setTimeout(
      () => this.card.leads.forEach((lead, x) => this.drawGrid(this.grids[x], lead)),
      this.drawn ? 40 : 0,
    );
    this.drawn = true;
  }

  drawGrid(canvas, lead) {
    const { leads } = this.card,
      { trace } = lead,
      current = trace.at(this.view.depth),
      rows = leads.reduce((sum, one) => sum + one.trace.layers.length, 0),
      gap = 2;
    const side = Math.max(
        14,
        Math.min(44, this.root.clientWidth / trace.heads, (this.view.tall - 24 * leads.length) / rows),
      ),
      ratio = window.devicePixelRatio || 1;
    canvas.style.width = `${side * trace.heads}px`;
    canvas.width = side * trace.heads * ratio;
    canvas.height = side * trace.layers.length * ratio;
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    g.imageSmoothingEnabled = false;
    trace.layers.forEach((_, l) => {
      for (let h = 0; h < trace.heads; h++) {
        g.globalAlpha = this.card.heads.has(h) ? 1 : 0.35;
        if (this.view.grid === "maps")
          g.drawImage(this.thumbnail(lead, l, h), h * side + gap / 2, l * side + gap / 2, side - gap, side - gap);
        else this.drawNumber(g, trace, l, h, side, gap);
      }
    });
    g.globalAlpha = 1;
    g.lineWidth = 2;
    g.strokeStyle = this.view.accent;
    g.strokeRect(1, current * side + 1, side * trace.heads - 2, side - 2);
  }
}
