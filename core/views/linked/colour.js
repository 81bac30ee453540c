// From a weight to a colour. One scale for both modalities: attention against uniform, log2 from 1/8 to 64 times.

import { descending, percent } from "./dom.js";

export const LOW = -3,
  HIGH = 6; // log2 of 1/8 and of 64
export const RAMPS = {
  light: [
    [0, [8, 10, 14]],
    [1 / 3, [62, 64, 72]],
    [2 / 3, [255, 180, 61]],
    [1, [255, 240, 210]],
  ],
  viridis: [
    [0, [68, 1, 84]],
    [0.25, [59, 82, 139]],
    [0.5, [33, 145, 140]],
    [0.75, [94, 201, 98]],
    [1, [253, 231, 37]],
  ],
  cividis: [
    [0, [0, 34, 78]],
    [0.25, [65, 77, 107]],
    [0.5, [124, 123, 120]],
    [0.75, [188, 175, 111]],
    [1, [254, 232, 56]],
  ],
  magma: [
    [0, [0, 0, 4]],
    [0.25, [81, 18, 124]],
    [0.5, [183, 55, 121]],
    [0.75, [252, 137, 97]],
    [1, [252, 253, 191]],
  ],
};

export function colourAt(ramp, t) {
  const stops = RAMPS[ramp];
  for (let i = 1; i < stops.length; i++) {
    if (t > stops[i][0] && i < stops.length - 1) continue;
    const [[a, from], [b, to]] = [stops[i - 1], stops[i]],
      s = Math.min(1, Math.max(0, (t - a) / (b - a)));
    return from.map((c, x) => Math.round(c + (to[x] - c) * s));
  }
}

// One hue a head, evenly spaced at equal lightness and chroma (OKLCH 0.75, 0.14): no head looks stronger than another.
export function hueOf(h, count) {
  const angle = (2 * Math.PI * h) / count + 0.6,
    a = 0.14 * Math.cos(angle),
    b = 0.14 * Math.sin(angle);
  const [l, m, s] = [
    0.75 + 0.3963 * a + 0.2158 * b,
    0.75 - 0.1056 * a - 0.0639 * b,
    0.75 - 0.0895 * a - 1.2915 * b,
  ].map((x) => x ** 3);
  return [
    4.0767 * l - 3.3077 * m + 0.231 * s,
    -1.2684 * l + 2.6098 * m - 0.3413 * s,
    -0.0042 * l - 0.7034 * m + 1.7076 * s,
  ].map((x) => Math.round(255 * Math.min(1, Math.max(0, x <= 0.0031 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055))));
}

// The heads' hues mixed by the square of their weights: a plain mean of many heads is grey and hides who leads.
export function mixed(weights, hues) {
  const squares = weights.map((w) => w * w),
    total = squares.reduce((a, b) => a + b, 0) || 1;
  return [0, 1, 2].map((c) => Math.round(squares.reduce((sum, w, x) => sum + (w / total) * hues[x][c], 0)));
}

// Hue says which head, lightness how much: black, the hue, towards white.
export function tinted(tint, t) {
  return tint.map((c) => Math.round(t < 0.8 ? (c * t) / 0.8 : c + (255 - c) * (t - 0.8) * 3));
}

// The fewest positions that together hold `keep` of all weight (the threshold of DINO's script); true where shown.
export function topMass(weights, keep) {
  const shown = new Uint8Array(weights.length).fill(keep >= 1 ? 1 : 0);
  if (keep >= 1) return shown;
  let left = keep * weights.reduce((a, b) => a + b, 0);
  for (const i of descending(weights)) {
    if (left <= 0) break;
    shown[i] = 1;
    left -= weights[i];
  }
  return shown;
}

// weights and even shares -> 0..1 on the chosen scale, with the words that the scale is labelled with
export function scaled(weights, shares, scale) {
  if (scale === "uniform") {
    const t = new Float32Array(weights.length); // a loop, as it is asked for each frame of the film
    for (let i = 0; i < t.length; i++)
      t[i] = Math.min(1, Math.max(0, (Math.log2(Math.max(1e-9, weights[i] / shares[i])) - LOW) / (HIGH - LOW)));
    return { t, ends: ["⅛×", "64×"] };
  }
  if (scale === "raw") return { t: Array.from(weights, (w) => Math.min(1, w)), ends: ["0%", "100%"] };
  const low = Math.min(...weights),
    high = Math.max(...weights),
    span = high - low || 1;
  return { t: Array.from(weights, (w) => (w - low) / span), ends: [percent(low, 2), percent(high, 1)] };
}
