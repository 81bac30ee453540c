// The small picture of one head: over a photo what one position looks at, else the whole map.

import { colourAt, hueOf, scaled, tinted } from "./colour.js";

const CELLS = 64; // of a map; of a longer axis every n-th position is drawn

export function thumbnail(card, lead, l, h) {
  const { view } = card,
    hue = hueOf(h, card.count),
    paint = (v) => [...(view.hues ? tinted(hue, v) : colourAt(view.colours, v)), 255];
  if (lead.keys.shape !== "grid") return mapOf(lead.trace, l, h, view.scale, paint);
  // A head that is not asked now shows the position that was asked last.
  const group = lead.queries.groups[lead.last] ?? lead.queries.groups[0],
    choice = { turned: view.turned, reading: view.reading, method: "mean" };
  return lead.keys.pixels(lead.from(lead.queries, group, choice, [h], l), paint).canvas;
}

export function stepOf(count) {
  return Math.ceil(count / CELLS);
}

function mapOf(trace, l, h, scale, paint) {
  const [down, right] = [stepOf(trace.queries), stepOf(trace.keys)],
    [rows, columns] = [Math.ceil(trace.queries / down), Math.ceil(trace.keys / right)],
    canvas = document.createElement("canvas"),
    image = new ImageData(columns, rows);
  canvas.width = columns;
  canvas.height = rows;
  for (let y = 0; y < rows; y++) {
    const i = y * down,
      row = trace.some(l, h, i, right),
      { t } = scaled(row, Array(columns).fill(trace.share(l, h, i)), scale);
    for (let x = 0; x < columns; x++)
      if (trace.open(l, h, i, x * right)) image.data.set(paint(t[x]), (y * columns + x) * 4);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
