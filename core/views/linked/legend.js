// The scale, drawn as what it explains: the colours of this very photo under the same light, and numbers lit as
// words are. Its name is a choice of scales.

import { add, fill } from "./dom.js";
import { HOT, glow } from "./chips.js";
import { colourAt, tinted } from "./colour.js";
import { Daylight, FULL, LESS, MORE, daylight, paint, paintChange, strength } from "./light.js";
import { EDGE, FALLEN } from "./marked.js";
import { CHOICES } from "./state.js";

const STEPS = 90, // of the slice
  BANDS = 5; // of the photo in it, one running into the next: a shape would be taken for a value
const CHANGES = {
  uniform: ["−63", "−7", "0", "+7", "+63"],
  raw: ["−100", "−50", "0", "+50", "+100"],
  rescaled: ["−", "0", "+"],
};
const EDGES = [
  [0.25, FALLEN],
  [0.75, EDGE],
];
const TICKS = { uniform: ["⅛", "1×", "8×", "64×"], raw: ["0%", "50%", "100%"] };

export class Legend {
  // change: of what two states differ by, from less over nothing to more.
  constructor(view, root, change = false) {
    Object.assign(this, {
      view,
      root,
      change,
      grid: view.cards.flatMap(({ axes }) => axes).find(({ shape }) => shape === "grid"),
    });
    const label = add(root, change ? "span" : "label", "name");
    if (change) this.name = add(label, "span");
    else this.select = this.choose(label);
    this.edge = add(label, "small");
    const bar = add(root, "div", "slice");
    this.canvas = add(bar, "canvas", "", { ariaHidden: true }); // its ends are told beside it
    this.ticks = add(bar, "div", "ticks");
  }

  choose(label) {
    const { words } = this.view,
      select = add(label, "select", "", { ariaLabel: words.scale });
    for (const value of CHOICES.scale) add(select, "option", "", { value, textContent: words[`scale_${value}`] });
    select.onchange = () => this.view.set("scale", select.value);
    return select;
  }

  // In the bar, or over it where that has no room.
  stand(place, before) {
    if (this.root.parentElement !== place) place.insertBefore(this.root, before);
  }

  draw() {
    const { view, canvas } = this,
      { words } = view,
      now = [view.scale, view.colours, view.hues, view.opacity, view.redrawn, Boolean(this.grid?.daylight)].join();
    if (this.drawn === now) return;
    const width = canvas.clientWidth; // after what was said has changed, asking for it lays out the page
    if (!width) return;
    this.drawn = now;
    if (this.change) this.name.textContent = words[`change_${view.scale}`];
    else this.select.value = view.scale;
    const outlined = fill(words.outlined, { times: this.change ? "±7" : "8×" });
    this.edge.textContent = this.grid && view.scale === "uniform" ? outlined : "";
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    canvas.width = width * ratio;
    canvas.height = canvas.clientHeight * ratio;
    if (this.grid?.daylight) this.slice(canvas);
    else this.ramp(canvas);
    const texts = (this.change ? CHANGES : TICKS)[view.scale] ?? [words.smallest, words.largest];
    this.ticks.replaceChildren(
      ...texts.map((text, x) => {
        const t = x / (texts.length - 1),
          light = this.change ? strength(Math.abs(2 * t - 1)) : glow(t),
          tick = add(document.createElement("i"), "span", "", { textContent: text });
        tick.style.setProperty("--light", light.toFixed(3));
        tick.style.setProperty("--fade", (this.change ? 1 : daylight(t)).toFixed(3));
        tick.classList.toggle("hot", light > HOT);
        tick.classList.toggle("less", this.change && t < 0.5);
        return tick;
      }),
    );
  }

  // The photo's colours from left to right, from night to glow.
  slice({ width, height }) {
    const colours = Object.assign(document.createElement("canvas"), { width: BANDS, height: 1 }),
      pen = colours.getContext("2d"),
      g = this.canvas.getContext("2d"),
      t = Float32Array.from({ length: STEPS }, (_, x) => (x + 0.5) / STEPS);
    pen.imageSmoothingQuality = "high"; // else it takes a few pixels of the photo alone
    pen.drawImage(this.grid.photo, 0, 0, BANDS, 1);
    const sheets = new Daylight(colours, [0, 0, BANDS, 1], [BANDS, 1]).at(width, height),
      grid = { rows: 1, columns: STEPS, box: [0, 0, width, height], smooth: true, fine: false },
      grey = this.view.hues ? Array(STEPS).fill([170, 170, 170]) : null;
    if (this.change)
      paintChange(
        g,
        sheets,
        grid,
        t.map((x) => 2 * x - 1),
      );
    else paint(g, sheets, grid, t, this.view, grey);
    if (this.view.scale !== "uniform") return;
    for (const [at, colour] of this.change ? EDGES : [[FULL, EDGE]]) {
      g.fillStyle = colour;
      g.fillRect(Math.round(at * width) - 1, 0, 2, height);
    }
  }

  ramp({ width, height }) {
    const g = this.canvas.getContext("2d");
    for (let x = 0; x < width; x++) {
      const t = x / (width - 1);
      g.fillStyle = this.change
        ? `color-mix(in srgb, ${t < 0.5 ? LESS : MORE} ${100 * strength(Math.abs(2 * t - 1))}%, #1a1b1d)`
        : `rgb(${this.view.hues ? tinted([170, 170, 170], t) : colourAt(this.view.colours, t)})`;
      g.fillRect(x, 0, 1, height);
    }
  }
}
