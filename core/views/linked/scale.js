// The scale of a figure: the legend as it stands in the bar, with what the outlines mean, or lit as the words are or as
// the cells of a table.

import { glow } from "./chips.js";
import { colourAt } from "./colour.js";
import { LESS, MORE, strength } from "./light.js";
import { shape, textWidth } from "./svg.js";

const WIDEST = 260; // px

// As words are lit, or the cells of a table, where no photo is.
function litScale({ name, root, legend: { change }, reading, view }, place, pen) {
  const id = `scale-${name}-${root.dataset.pane ?? ""}`,
    cells = reading.box.hidden,
    stops = Array.from({ length: 11 }, (_, x) => {
      const [colour, light] = change
        ? [x < 5 ? LESS : MORE, strength(Math.abs(x / 5 - 1))]
        : cells
          ? [`rgb(${colourAt(view.colours, x / 10)})`, 1]
          : [pen.lit, glow(x / 10)];
      return shape("stop", { offset: x / 10, "stop-color": colour, "stop-opacity": light });
    });
  const strip = shape("rect", { ...place, fill: `url(#${id})` });
  return `<linearGradient id="${id}">${stops.join("")}</linearGradient>${strip}`;
}

// The legend as it stands in the bar, its words so many times as large: { svg, height }.
export function scaleOf(card, y, pen, larger, width) {
  const { legend, axes, reading } = card,
    onPhoto = axes.some(({ shape: kind, lit }) => kind === "grid" && lit),
    name = [card.scaleName, onPhoto && legend.edge.textContent].filter(Boolean).join(" · "),
    texts = [...legend.ticks.children].map((one) => one.textContent),
    size = 12 * larger,
    wide = Math.min(width, WIDEST * larger),
    beside = wide + 12 + textWidth(name, size) <= width;
  const place = { x: 0, y, width: wide, height: 12 },
    slice = { ...place, href: legend.canvas.toDataURL(), preserveAspectRatio: "none" };
  const ticks = texts.map((text, x) => {
    const anchor = x === 0 ? "start" : x === texts.length - 1 ? "end" : "middle",
      at = { x: (x / (texts.length - 1)) * wide, y: y + 14 + size };
    return shape("text", { ...at, "font-size": size, fill: pen.ink, "text-anchor": anchor }, text);
  });
  const at = beside ? { x: wide + 12, y: y + 6 + 0.4 * size } : { x: 0, y: y + 14 + 2.3 * size };
  const said = shape("text", { ...at, "font-size": size, fill: pen.quiet }, name);
  const scale = reading && !onPhoto ? litScale(card, place, pen) : shape("image", slice);
  return { svg: scale + ticks.join("") + said, height: 14 + (beside ? 1.2 : 2.5) * size };
}
