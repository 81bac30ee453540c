// A card as a figure for a paper or a talk: SVG with the scale, a caption and a line to cite below. What is drawn is
// what is seen, on the ground that is asked for.

import { glow } from "./chips.js";
import { add, fill } from "./dom.js";
import { LESS, MORE, strength } from "./light.js";
import { FACE, READ, plain, shape, textWidth, wrapped } from "./svg.js";

const EDGE_OF = 20, // px around a figure
  WIDEST = 260, // px of the scale
  SIZE = 14; // px of the caption
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
  const box = card.room.getBoundingClientRect(),
    pen = penOf(card),
    parts = [];
  for (const axis of card.axes) if (axis.shape === "grid" && axis.lit) parts.push(photoOf(axis, box));
  if (card.reading && !card.reading.box.hidden) parts.push(wordsOf(card.reading, box, pen));
  if (card.reading?.matrix && !card.reading.matrix.box.hidden) parts.push(matrixOf(card.reading.matrix.box, box, pen));
  const width = Math.max(320, card.room.scrollWidth),
    size = wide ? Math.max(SIZE, (READ * (width + 2 * EDGE_OF)) / wide) : SIZE,
    line = 1.36 * size,
    below = box.height + 22,
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
    view = `${-EDGE_OF} ${-EDGE_OF} ${whole[0]} ${whole[1]}`,
    back = shape("rect", { x: -EDGE_OF, y: -EDGE_OF, width: whole[0], height: whole[1], fill: pen.paper });
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${whole[0]}" height="${whole[1]}" viewBox="${view}"`,
    title = shape("title", {}, `${card.meta.title}. ${card.say.textContent}`);
  return {
    width: whole[0],
    height: whole[1],
    svg: `${open} role="img" font-family="${FACE}">${title}${back}${parts.join("")}</svg>`,
  };
}

// What stands below it: whose attention, which layer and heads, what is asked, on which scale, and what was hidden; and
// what it was drawn with.
export function captionOf(card) {
  const { words, method, turned } = card.view,
    { title, model } = card.meta,
    heads = card.chosenHeads.length < card.count ? "" : words.all_heads,
    how = [card.where, heads, words[`method_${method}`], words[turned ? "looked_at" : "looks_at"]],
    said = noted(card.say.textContent.trim(), card.note.textContent.trim()),
    date = new Date().toISOString().slice(0, 10);
  return {
    text: fill(words.figure_caption, { what: [title, model].filter(Boolean).join(" · "), said }),
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

function photoOf(axis, origin) {
  const { left, top, width, height } = axis.canvas.getBoundingClientRect(),
    [x, y] = [left - origin.left, top - origin.top],
    sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [Math.round(2 * width), Math.round(2 * height)];
  axis.light(sheet.getContext("2d"), sheet.width, sheet.height, axis.lit, axis.litTints, true);
  const { strokes, tags } = axis.marked;
  const image = shape("image", { href: sheet.toDataURL("image/jpeg", 0.9), width, height });
  const lines = strokes.map(({ d, width: thick, colour, dash }) => {
    const how = { fill: "none", stroke: colour, "stroke-width": thick, "stroke-linejoin": "round" };
    return shape("path", { d, ...how, ...(dash?.length && { "stroke-dasharray": dash }) });
  });
  const boxes = axis.found.map(({ place: [left, up, wide, high], thick, colour }) => {
    const how = { fill: "none", stroke: colour, "stroke-width": thick };
    return shape("rect", { x: left, y: up, width: wide, height: high, ...how });
  });
  const labels = tags.map(({ text, x: at, y: up }) => {
    const long = 8 * text.length + 12,
      [a, b] = [Math.max(2, Math.min(at, width - long - 2)), Math.max(2, Math.min(up, height - 24))];
    return (
      shape("rect", { x: a, y: b, width: long, height: 20, rx: 4, fill: "rgb(10,10,12)", "fill-opacity": 0.8 }) +
      shape("text", { x: a + long / 2, y: b + 14.5, ...TAG }, text)
    );
  });
  const all = [image, ...boxes, ...lines, ...labels].join("");
  return `<g transform="translate(${x.toFixed(1)} ${y.toFixed(1)})">${all}</g>`;
}
const TAG = { "text-anchor": "middle", "font-size": 13, "font-weight": 600, fill: "#ffe9c4" };

// Curves first, then words on them.
function wordsOf(reading, origin, pen) {
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
      const place = { x: one.getAttribute("x"), y: one.getAttribute("y"), "text-anchor": "middle" };
      found.push(
        shape(
          "text",
          { ...place, "font-size": 12.5, "font-weight": style.fontWeight, fill: solid(style.fill) },
          one.textContent,
        ),
      );
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

// The scale as words are lit, where no photo is.
function litScale({ name, root, legend: { change } }, place, pen) {
  const id = `scale-${name}-${root.dataset.pane ?? ""}`,
    stops = Array.from({ length: 11 }, (_, x) => {
      const [colour, light] = change ? [x < 5 ? LESS : MORE, strength(Math.abs(x / 5 - 1))] : [pen.lit, glow(x / 10)];
      return shape("stop", { offset: x / 10, "stop-color": colour, "stop-opacity": light });
    });
  const strip = shape("rect", { ...place, fill: `url(#${id})` });
  return `<linearGradient id="${id}">${stops.join("")}</linearGradient>${strip}`;
}

// The legend as it stands in the bar, its words so many times as large: { svg, height }.
function scaleOf(card, y, pen, larger, width) {
  const { legend, scaleName: name, axes, reading } = card,
    texts = [...legend.ticks.children].map((one) => one.textContent),
    size = 12 * larger,
    wide = Math.min(width, WIDEST * larger),
    beside = wide + 12 + textWidth(name, size) <= width;
  const place = { x: 0, y, width: wide, height: 12 },
    asWords = !axes.some(({ shape: kind }) => kind === "grid") && reading && !reading.box.hidden,
    slice = { ...place, href: legend.canvas.toDataURL(), preserveAspectRatio: "none" };
  const ticks = texts.map((text, x) => {
    const anchor = x === 0 ? "start" : x === texts.length - 1 ? "end" : "middle",
      at = { x: (x / (texts.length - 1)) * wide, y: y + 14 + size };
    return shape("text", { ...at, "font-size": size, fill: pen.ink, "text-anchor": anchor }, text);
  });
  const at = beside ? { x: wide + 12, y: y + 6 + 0.4 * size } : { x: 0, y: y + 14 + 2.3 * size };
  const said = shape("text", { ...at, "font-size": size, fill: pen.quiet }, name);
  const scale = asWords ? litScale(card, place, pen) : shape("image", slice);
  return { svg: scale + ticks.join("") + said, height: 14 + (beside ? 1.2 : 2.5) * size };
}
