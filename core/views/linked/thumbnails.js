// The small picture of one head: over a photo what one position looks at, lit as the large one is, else the whole map.

import { colourAt, hueOf, scaled, tinted } from "./colour.js";
import { sheetOf } from "./light.js";

const CELLS = 64; // of a map; of a longer axis every n-th position is drawn

// width, height: of the small picture, screen pixels.
export function thumbnail(card, lead, l, h, width, height) {
  const { view } = card;
  if (lead.keys.shape !== "grid") {
    const hue = hueOf(h, card.count),
      paint = (v) => [...(view.hues ? tinted(hue, v) : colourAt(view.colours, v)), 255];
    return mapOf(lead.trace, l, h, view.scale, paint);
  }
  // A head that is not asked now shows the position that was asked last.
  const i = lead.queries.groups[lead.last] ? lead.last : 0,
    choice = { turned: view.turned, reading: view.reading, method: "mean" },
    light = lead.from(lead.queries, lead.queries.groups[i], choice, [h], l),
    tints = view.hues ? lead.keys.groups.map(() => hueOf(h, card.count)) : null,
    ratio = Math.min(2, window.devicePixelRatio || 1),
    sheet = sheetOf(width * ratio, height * ratio),
    asked = lead.queries === lead.keys ? i : null;
  lead.keys.glimpse(sheet.getContext("2d"), [0, 0, sheet.width, sheet.height], 1, light, tints, asked);
  return sheet;
}

export function stepOf(count) {
  return Math.ceil(count / CELLS);
}

function mapOf(trace, l, h, scale, paint) {
  const [down, right] = [stepOf(trace.queries), stepOf(trace.keys)],
    [rows, columns] = [Math.ceil(trace.queries / down), Math.ceil(trace.keys / right)],
    canvas = sheetOf(columns, rows),
    image = new ImageData(columns, rows);
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
