// A map of Explain as a figure for a paper: the photo or the words as they stand on the page, the scale, a caption and
// a line to cite.

import { download, svgFile } from "../../views/linked/file.js";
import { READ, plain, shape, sheet, wrapped } from "../../views/linked/svg.js";

const WIDE = 120, // mm: one and a half columns
  EDGE = 20, // px around it
  STRIP = [260, 12]; // px of the scale

// { width, height, svg } as file.js takes it. data: what core/ui/explain/drawn.py tells.
function figureOf({ place, strip, ticks, caption, cite }) {
  const room = document.querySelector(`.st-key-${place}`),
    { left, top, width } = room.getBoundingClientRect(),
    page = getComputedStyle(room.closest(".stApp")),
    image = room.querySelector("img"),
    words = [...room.querySelectorAll("p span")],
    high = (image ?? room.querySelector("p")).getBoundingClientRect().bottom - top,
    whole = width + 2 * EDGE,
    size = Math.max(14, (READ * whole) / WIDE),
    last = wrapped(cite, width, size),
    lines = [...wrapped(caption, width, size), ...last],
    tall = high + 24 + STRIP[1] + (lines.length + 2.2) * 1.36 * size,
    write = (text, x, y, more) => shape("text", { x, y, fill: page.color, "font-size": size, ...more }, text);
  const drawn = image ? photoIn(image, left, top) : words.map((word) => wordIn(word, left, top)).join(""),
    scale = { href: strip, x: 0, y: high + 24, width: STRIP[0], height: STRIP[1], preserveAspectRatio: "none" },
    below = high + 24 + STRIP[1] + 1.1 * size;
  const marks = ticks.map((text, i) => {
    const anchor = i === 0 ? "start" : i === ticks.length - 1 ? "end" : "middle";
    return write(text, (i / (ticks.length - 1)) * STRIP[0], below, { "text-anchor": anchor });
  });
  const said = lines.map((line, i) => {
      const pale = i < lines.length - last.length ? 1 : 0.7;
      return write(line, 0, below + (i + 1.4) * 1.36 * size, { "fill-opacity": pale });
    }),
    back = shape("rect", { x: -EDGE, y: -EDGE, width: whole, height: tall + EDGE, fill: page.backgroundColor }),
    inside = [shape("title", {}, caption), back, drawn, shape("image", scale), ...marks, ...said].join("");
  return { width: whole, height: tall + EDGE, svg: sheet(-EDGE, -EDGE, whole, tall + EDGE, inside) };
}

function photoIn(image, left, top) {
  const box = image.getBoundingClientRect(),
    copy = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  copy.getContext("2d").drawImage(image, 0, 0);
  const at = { x: box.left - left, y: box.top - top, width: box.width, height: box.height };
  return shape("image", { href: copy.toDataURL("image/jpeg", 0.9), ...at });
}

function wordIn(word, left, top) {
  const box = word.getBoundingClientRect(),
    { color, backgroundColor, fontSize } = getComputedStyle(word),
    [ink, under] = [color, backgroundColor].map(plain),
    size = Number.parseFloat(fontSize),
    [x, y] = [box.left - left, box.top - top],
    text = { x: x + box.width / 2, y: y + box.height / 2 + 0.33 * size, "font-size": size, "text-anchor": "middle" };
  const back = { x, y, width: box.width, height: box.height, rx: 6 },
    rect = shape("rect", { ...back, fill: under.colour, "fill-opacity": under.opacity });
  return rect + shape("text", { ...text, fill: ink.colour, "fill-opacity": ink.opacity }, word.textContent);
}

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  button.textContent = data.save;
  button.title = data.letters;
  button.onclick = async () => download(await svgFile(figureOf(data), WIDE), "sidelight-map.svg");
}
