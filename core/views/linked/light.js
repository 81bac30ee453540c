// A photo that attention lights: night below an even share, full colour from 8 times on, a glow above. Smooth between
// the centres of patches, or patch by patch. t: the place of each patch on the chosen scale, 0 to 1 (colour.js).

import { colourAt } from "./colour.js";

export const FULL = 2 / 3; // of the way from 1/8 to 64 lies 8
const UP = 6, // pixels of the mask a patch, where light is smooth
  MANY = 24; // patches a row from which half of them are as smooth on the screen
const USUAL = 0.85; // the opacity at which night is as dark as it is made
const GLOW = [255, 199, 106];
const BEYOND = "#76736d"; // where the model saw padding

const within = (x, low = 0, high = 1) => Math.min(high, Math.max(low, x));
const ease = (x) => x * x * (3 - 2 * x);

export function daylight(t) {
  return ease(within(t / FULL));
}
export function warmth(t) {
  return within((t - FULL) / (1 - FULL));
}

export function sheetOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width));
  canvas.height = Math.max(1, Math.round(height));
  return canvas;
}

const pads = new Map();
function pad(name, width, height) {
  const key = `${name} ${width} ${height}`;
  if (pads.size > 40) pads.clear();
  if (!pads.has(key)) pads.set(key, sheetOf(width, height));
  return pads.get(key);
}

// The photo by day, by night and in grey, at the sizes that are asked for. extent: what is shown, in photo pixels.
export class Daylight {
  constructor(image, extent, size) {
    Object.assign(this, { image, extent, size, made: new Map() });
  }

  at(width, height) {
    const key = `${width} ${height}`;
    if (this.made.size > 16) this.made.clear();
    if (!this.made.has(key)) this.made.set(key, this.make(width, height));
    return this.made.get(key);
  }

  make(width, height) {
    const [x0, y0, x1, y1] = this.extent,
      day = sheetOf(width, height),
      g = day.getContext("2d", { willReadFrequently: true }),
      [sx, sy] = [day.width / (x1 - x0), day.height / (y1 - y0)];
    g.fillStyle = BEYOND;
    g.fillRect(0, 0, day.width, day.height);
    g.imageSmoothingQuality = "high";
    g.drawImage(this.image, -x0 * sx, -y0 * sy, this.size[0] * sx, this.size[1] * sy);
    const shade = (tone) => {
      const sheet = sheetOf(width, height),
        { data } = g.getImageData(0, 0, day.width, day.height);
      for (let i = 0; i < data.length; i += 4) {
        const [red, green, blue] = tone(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]);
        data[i] = red;
        data[i + 1] = green;
        data[i + 2] = blue;
      }
      sheet.getContext("2d").putImageData(new ImageData(data, day.width), 0, 0);
      return sheet;
    };
    let grey = null;
    return {
      day,
      night: shade((v) => [5 + v * 0.13, 6 + v * 0.145, 11 + v * 0.19]),
      get grey() {
        return (grey ??= shade((v) => [84 + v * 0.67, 84 + v * 0.67, 84 + v * 0.67]));
      },
    };
  }
}

// Mitchell's kernel at the places within a patch: the weights of the five nearest patches.
const tapsOf = (up) =>
  Array.from({ length: up }, (_, place) => {
    const off = (place + 0.5) / up - 0.5;
    return [-2, -1, 0, 1, 2].map((o) => {
      const x = Math.abs(o - off);
      if (x < 1) return (7 * x ** 3 - 12 * x ** 2 + 16 / 3) / 6;
      return x < 2 ? ((-7 / 3) * x ** 3 + 12 * x ** 2 - 20 * x + 32 / 3) / 6 : 0;
    });
  });
const TAPS = { [UP]: tapsOf(UP), [UP / 2]: tapsOf(UP / 2) };

// values on the grid of patches -> `up` times as many each way, smooth.
function finer(values, rows, columns, up) {
  const [wide, high] = [columns * up, rows * up],
    taps = TAPS[up],
    across = new Float32Array(wide * rows),
    found = new Float32Array(wide * high);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < wide; x++) {
      let sum = 0;
      for (let o = 0; o < 5; o++)
        sum += taps[x % up][o] * values[y * columns + within(((x / up) | 0) + o - 2, 0, columns - 1)];
      across[y * wide + x] = sum;
    }
  for (let y = 0; y < high; y++)
    for (let o = 0; o < 5; o++) {
      const tap = taps[y % up][o],
        from = within(((y / up) | 0) + o - 2, 0, rows - 1) * wide;
      for (let x = 0; x < wide; x++) found[y * wide + x] += tap * across[from + x];
    }
  return found;
}

const upOf = ({ columns, fine }) => (fine ? (columns > MANY ? UP / 2 : UP) : 1);

// A canvas whose opacity is `alpha` of each patch, 0 to 1. colour: of all, or a list with one a patch, not where fine.
function maskOf(name, grid, alpha, colour = [255, 255, 255]) {
  const { rows, columns } = grid,
    up = upOf(grid),
    canvas = pad(name, columns * up, rows * up),
    image = new ImageData(canvas.width, canvas.height),
    { data } = image,
    values = up > 1 ? finer(alpha, rows, columns, up) : alpha,
    each = Array.isArray(colour[0]) ? colour : null;
  for (let i = 0, at = 0; i < values.length; i++, at += 4) {
    const one = each ? each[i] : colour;
    data[at] = one[0];
    data[at + 1] = one[1];
    data[at + 2] = one[2];
    data[at + 3] = 255 * values[i];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// The lit photo on a context, from (0, 0), in its own pixels: day through the mask of what is lit, night behind it.
// sheets: of Daylight.at. grid: { rows, columns, box: [x, y, width, height] in pixels, smooth, fine: with care }.
// look: { colours, opacity }. tints: a colour for each patch, of its heads.
export function paint(g, sheets, grid, t, look, tints) {
  const { day, night } = sheets;
  g.globalAlpha = 1;
  if (look.colours !== "light" && !tints) return paintRamp(g, day, grid, t, look);
  g.imageSmoothingEnabled = grid.smooth;
  g.globalCompositeOperation = "copy";
  g.drawImage(tints ? sheets.grey : day, 0, 0);
  if (tints) {
    const ones = new Float32Array(t.length).fill(1);
    g.globalCompositeOperation = "multiply";
    g.drawImage(maskOf("tint", { ...grid, fine: false }, ones, tints), ...grid.box);
  }
  g.globalCompositeOperation = "destination-in";
  g.drawImage(maskOf("lit", grid, Float32Array.from(t, daylight)), ...grid.box);
  g.globalCompositeOperation = "destination-over";
  g.globalAlpha = within(look.opacity / USUAL);
  g.drawImage(night, 0, 0);
  if (g.globalAlpha < 1) {
    g.globalAlpha = 1;
    g.drawImage(day, 0, 0);
  }
  g.globalCompositeOperation = "source-over";
  if (!tints && t.some((x) => x > FULL)) shine(g, grid, t);
}

// What two lit photos differ by: night where nothing moved, amber what gained, blue what lost. t: -1 to 1 a patch.
export const MORE = "#ffb43d",
  LESS = "#5aa2ff";
export function paintChange(g, { night, grey }, grid, t) {
  g.globalCompositeOperation = "source-over";
  g.globalAlpha = 1;
  g.drawImage(night, 0, 0);
  for (const [name, sign, colour] of [
    ["more", 1, MORE],
    ["less", -1, LESS],
  ])
    cover(g, grey, grid, maskOf(name, grid, Float32Array.from(t, (one) => strength(sign * one))), colour);
}

// How much of its colour a change has: all of it from half of the scale on.
export function strength(t) {
  return ease(within(2 * t));
}

// A part of a sheet in one colour, through a mask.
function cover(g, sheet, grid, mask, tint) {
  const [x, y, width, height] = grid.box,
    layer = pad("layer", width, height),
    k = layer.getContext("2d");
  k.imageSmoothingEnabled = grid.smooth;
  k.globalCompositeOperation = "copy";
  k.drawImage(sheet, x, y, width, height, 0, 0, width, height);
  k.globalCompositeOperation = "multiply";
  k.fillStyle = tint;
  k.fillRect(0, 0, width, height);
  k.globalCompositeOperation = "destination-in";
  k.drawImage(mask, 0, 0, width, height);
  g.drawImage(layer, x, y);
}

// A warm light over what is brightest. Blending is dear and little of a photo glows: only that part is drawn.
function shine(g, grid, t) {
  const [x, y, width, height] = grid.box,
    { rows, columns } = grid,
    up = upOf(grid),
    alpha = Float32Array.from(t, (one) => 0.5 * warmth(one)),
    mask = maskOf("glow", grid, alpha, GLOW),
    [left, top, wide, high] = glowing(grid, t),
    [w, h] = [width / columns, height / rows];
  g.globalCompositeOperation = "soft-light";
  g.imageSmoothingEnabled = grid.smooth;
  g.drawImage(mask, ...[left, top, wide, high].map((n) => n * up), x + left * w, y + top * h, wide * w, high * h);
  g.globalCompositeOperation = "source-over";
}

// The part of the grid that glows, and as far as its light runs: [column, row, columns, rows].
function glowing({ rows, columns }, t) {
  let [left, top, right, bottom] = [columns, rows, 0, 0];
  t.forEach((one, p) => {
    if (one <= FULL) return;
    const [row, column] = [Math.floor(p / columns), p % columns];
    left = Math.min(left, column - 2);
    right = Math.max(right, column + 3);
    top = Math.min(top, row - 2);
    bottom = Math.max(bottom, row + 3);
  });
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  return [x, y, Math.min(columns, right) - x, Math.min(rows, bottom) - y];
}

// The colours of a ramp over the photo, for those who ask for one.
function paintRamp(g, day, grid, t, { colours, opacity }) {
  const [x, y, width, height] = grid.box,
    ones = new Float32Array(t.length).fill(1);
  g.drawImage(day, 0, 0);
  g.globalAlpha = opacity;
  g.imageSmoothingEnabled = grid.smooth;
  g.drawImage(
    maskOf(
      "ramp",
      { ...grid, fine: false },
      ones,
      Array.from(t, (one) => colourAt(colours, one)),
    ),
    x,
    y,
    width,
    height,
  );
  g.globalAlpha = 1;
}
