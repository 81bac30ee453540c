// A card as a figure for a paper or a talk: SVG with the scale, a caption and a line to cite below. What is drawn is
// what is seen, on the ground that is asked for.

import { add, fill } from "./dom.js";
import { scaleOf } from "./scale.js";
import { READ, plain, shape, sheet, wrapped } from "./svg.js";

const EDGE_OF = 20, // px around a figure
  AROUND_WORDS = 8, // px beyond curves and words, for the width of lines
  SIZE = 14, // px of the caption
  MOST_LARGER = 1.6; // labels in the picture, where the caption is larger to be read: their places stay
const COLOURS = {
  light: { card: "#ffffff", ink: "#1a1b1e", line: "#e2ddd3", accent: "#00766b" },
  dark: { card: "#101113", ink: "#f1eee7", line: "#2b2c30", accent: "#57dcc8" },
};

// { width, height, svg } of a card, in screen pixels. how: { wide: millimetres that it will be, 0 for as it is; ground:
// "light", "dark", or as it is shown }.
export function figureOf(card, how) {
  return onGround(card.view.root, COLOURS[how.ground], () => drawn(card, how.wide));
}

// The view as if its page were of these colours, for as long as it is read.
function onGround(root, colours, draw) {
  if (!colours) return draw();
  const still = "* { transition: none !important; animation: none !important; }",
    style = add(root, "style", "", { textContent: still });
  for (const [name, colour] of Object.entries(colours)) root.style.setProperty(`--${name}`, colour);
  try {
    return draw();
  } finally {
    for (const name of Object.keys(colours)) root.style.removeProperty(`--${name}`);
    style.remove();
  }
}

function drawn(card, wide) {
  const box = extentOf(card),
    pen = penOf(card),
    width = Math.max(320, box.right - box.left),
    size = wide ? Math.max(SIZE, (READ * (width + 2 * EDGE_OF)) / wide) : SIZE,
    labels = Math.min(MOST_LARGER, size / SIZE),
    { reading } = card,
    parts = [];
  for (const axis of litOf(card)) parts.push(photoOf(axis, box, labels));
  if (wordsShown(card)) parts.push(wordsOf(reading, box, pen, labels));
  if (matrixShown(card)) parts.push(matrixOf(reading.matrix.box, box, pen));
  const line = 1.36 * size,
    below = box.bottom - box.top + 22,
    scale = scaleOf(card, below, pen, (0.86 * size) / 12, width),
    { text, cite } = captionOf(card),
    lines = wrapped(text, width, size),
    last = wrapped(cite, width, 0.86 * size),
    first = below + scale.height + line;
  parts.push(scale.svg);
  [...lines, ...last].forEach((said, x) => {
    const small = x >= lines.length,
      place = { x: 0, y: first + x * line + (small ? 0.3 * line : 0) };
    parts.push(
      shape("text", { ...place, "font-size": small ? 0.86 * size : size, fill: small ? pen.quiet : pen.ink }, said),
    );
  });
  const height = first + (lines.length + last.length - 0.4) * line,
    whole = [width + 2 * EDGE_OF, height + 2 * EDGE_OF].map(Math.ceil),
    back = shape("rect", { x: -EDGE_OF, y: -EDGE_OF, width: whole[0], height: whole[1], fill: pen.paper });
  const title = shape("title", {}, `${card.meta.title}. ${card.say.textContent}`),
    svg = sheet(-EDGE_OF, -EDGE_OF, ...whole, title + back + parts.join(""));
  return { width: whole[0], height: whole[1], svg };
}

const litOf = ({ axes }) => axes.filter(({ shape: kind, lit }) => kind === "grid" && lit);
const wordsShown = ({ reading }) => Boolean(reading) && !reading.box.hidden;
const matrixShown = ({ reading }) => Boolean(reading?.matrix) && !reading.matrix.box.hidden;

// Where on the screen that lies which is drawn, all of a table that scrolls; words keep the width that they wrap at.
function extentOf(card) {
  const boxes = litOf(card).map(({ canvas }) => canvas.getBoundingClientRect());
  if (matrixShown(card)) boxes.push(card.reading.matrix.box.firstElementChild.getBoundingClientRect());
  if (wordsShown(card)) {
    const { box, svg, rows } = card.reading,
      { left, right } = box.getBoundingClientRect(),
      all = [...svg.children, ...rows.map((row) => row.box)].map((one) => one.getBoundingClientRect()),
      [top, bottom] = [Math.min(...all.map((one) => one.top)), Math.max(...all.map((one) => one.bottom))];
    boxes.push({ left, right, top: top - AROUND_WORDS, bottom: bottom + AROUND_WORDS });
  }
  const [left, top] = ["left", "top"].map((side) => Math.min(...boxes.map((one) => one[side]))),
    [right, bottom] = ["right", "bottom"].map((side) => Math.max(...boxes.map((one) => one[side])));
  return { left, top, right, bottom };
}

// What stands below it: whose attention, which layer and heads, what is asked, on which scale, and what was hidden; and
// what it was drawn with.
export function captionOf(card) {
  const { words, method, turned } = card.view,
    { title, model } = card.meta,
    pane = card.letter.textContent, // which of the two that are compared, or what differs
    heads = card.chosenHeads.length < card.count ? "" : words.all_heads,
    how = [card.where, heads, words[`method_${method}`], words[turned ? "looked_at" : "looks_at"]],
    said = noted(card.say.textContent.trim(), card.note.textContent.trim()),
    date = new Date().toISOString().slice(0, 10);
  return {
    text: fill(words.figure_caption, { what: [pane, title, model].filter(Boolean).join(" · "), said }),
    cite: fill(words.figure_cite, { how: [...how, card.scaleName].filter(Boolean).join(" · "), date }),
  };
}

// The note as a sentence of its own behind what is said, in the way of its language.
function noted(said, note) {
  const stop = said.at(-1) ?? ".",
    rest = note && note[0].toUpperCase() + note.slice(1) + (note.endsWith(stop) ? "" : stop);
  return [said, rest].filter(Boolean).join(stop === "。" ? "" : " ");
}

const solid = (colour) => plain(colour).colour;

// Colours of the theme.
function penOf(card) {
  const probe = card.root.appendChild(document.createElement("i"));
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return solid(getComputedStyle(probe).color);
  };
  const pen = { ink: read("ink"), quiet: read("quiet"), paper: read("card"), lit: read("lit") };
  probe.remove();
  return pen;
}

function photoOf(axis, origin, larger) {
  const { left, top, width, height } = axis.canvas.getBoundingClientRect(),
    [x, y] = [left - origin.left, top - origin.top],
    lit = document.createElement("canvas");
  [lit.width, lit.height] = [Math.round(2 * width), Math.round(2 * height)];
  axis.light(lit.getContext("2d"), lit.width, lit.height, axis.lit, axis.litTints, true);
  const { strokes, tags } = axis.marked;
  const image = shape("image", { href: lit.toDataURL("image/jpeg", 0.9), width, height });
  const lines = strokes.map(({ d, width: thick, colour, dash }) => {
    const how = { fill: "none", stroke: colour, "stroke-width": thick, "stroke-linejoin": "round" };
    return shape("path", { d, ...how, ...(dash?.length && { "stroke-dasharray": dash }) });
  });
  const boxes = axis.found.map(({ place: [left, up, wide, high], thick, colour }) => {
    const how = { fill: "none", stroke: colour, "stroke-width": thick };
    return shape("rect", { x: left, y: up, width: wide, height: high, ...how });
  });
  const labels = tags.map(({ text, x: at, y: up }) => {
    const [long, high] = [(8 * text.length + 12) * larger, 20 * larger],
      a = Math.max(2, Math.min(at, width - long - 2)),
      b = Math.max(2, Math.min(up + 20 - high, height - high - 4)),
      back = { x: a, y: b, width: long, height: high, rx: 4, fill: "rgb(10,10,12)", "fill-opacity": 0.8 },
      place = { x: a + long / 2, y: b + 14.5 * larger, "font-size": 13 * larger };
    return shape("rect", back) + shape("text", { ...place, ...TAG }, text);
  });
  const all = [image, ...boxes, ...lines, ...labels].join("");
  return `<g transform="translate(${x.toFixed(1)} ${y.toFixed(1)})">${all}</g>`;
}
const TAG = { "text-anchor": "middle", "font-weight": 600, fill: "#ffe9c4" };

// Curves first, then words on them.
function wordsOf(reading, origin, pen, larger) {
  const { left, top } = reading.svg.getBoundingClientRect(),
    found = [];
  for (const one of reading.svg.children) {
    const style = getComputedStyle(one),
      dashes =
        style.strokeDasharray === "none" ? {} : { "stroke-dasharray": style.strokeDasharray.replaceAll("px", "") };
    if (one.tagName === "path") {
      const line = {
        stroke: solid(style.stroke),
        "stroke-opacity": style.strokeOpacity,
        "stroke-linecap": "round",
      };
      found.push(
        shape("path", {
          d: one.getAttribute("d"),
          fill: "none",
          "stroke-width": style.strokeWidth,
          ...line,
          ...dashes,
        }),
      );
    } else {
      const y = Number(one.getAttribute("y")) + 4.5 * (larger - 1), // about its middle
        place = { x: one.getAttribute("x"), y, "text-anchor": "middle", "font-size": 12.5 * larger },
        { fontWeight, fill: colour } = style;
      found.push(shape("text", { ...place, "font-weight": fontWeight, fill: solid(colour) }, one.textContent));
    }
  }
  const words = reading.rows.flatMap((row) =>
    [...row.box.children].map((word, i) => wordOf(word, row, i, origin, pen)),
  );
  return `<g transform="translate(${left - origin.left} ${top - origin.top})">${found.join("")}</g>${words.join("")}`;
}

function wordOf(word, row, i, origin, pen) {
  const { left, top, width, height } = word.getBoundingClientRect(),
    style = getComputedStyle(word),
    back = plain(style.backgroundColor),
    size = parseFloat(style.fontSize),
    [x, y] = [left - origin.left, top - origin.top],
    asks = word.classList.contains("query"),
    sure = row.sure(i);
  const edge = asks ? { stroke: solid(getComputedStyle(row.view.root).getPropertyValue("--accent")) } : {},
    mark = row.isMark(i) && !asks ? { stroke: pen.quiet, "stroke-opacity": 0.4 } : {};
  const line = { stroke: solid(style.color), "stroke-width": 2, "stroke-opacity": 0.6 };
  const under =
    sure === null
      ? ""
      : shape("path", {
          d: `M${x + 5} ${y + height - 1}h${(width - 10) * (word.classList.contains("unsure") ? 1 : sure)}`,
          ...line,
          ...(word.classList.contains("unsure") ? { "stroke-dasharray": "0.1 4.5", "stroke-linecap": "round" } : {}),
        });
  return (
    shape("rect", {
      x,
      y,
      width,
      height,
      rx: row.isMark(i) ? height / 2 : 6,
      fill: back.colour,
      "fill-opacity": back.opacity,
      "stroke-width": asks ? 2 : 1,
      ...edge,
      ...mark,
    }) +
    shape(
      "text",
      {
        x: x + width / 2,
        y: y + height / 2 + size * 0.33,
        "text-anchor": "middle",
        "font-size": size,
        fill: solid(style.color),
      },
      row.name(i),
    ) +
    under
  );
}

function matrixOf(table, origin, pen) {
  const found = [...table.querySelectorAll("td, th")].map((cell) => {
    const { left, top, width, height, right, bottom } = cell.getBoundingClientRect(),
      [x, y] = [left - origin.left, top - origin.top];
    if (cell.tagName === "TD")
      return shape("rect", { x, y, width, height, rx: 3, fill: solid(getComputedStyle(cell).backgroundColor) });
    if (!cell.textContent) return "";
    const text = { "font-size": 13, fill: pen.ink };
    if (!cell.classList.contains("top"))
      return shape(
        "text",
        { x: right - origin.left - 6, y: y + height / 2 + 4, "text-anchor": "end", ...text },
        cell.textContent,
      );
    const [a, b] = [x + width / 2 + 4, bottom - origin.top - 5];
    return shape(
      "text",
      { transform: `translate(${a.toFixed(1)} ${b.toFixed(1)}) rotate(-90)`, ...text },
      cell.textContent,
    );
  });
  return found.join("");
}
