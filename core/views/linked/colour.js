// From a weight to a colour. One scale for both modalities: attention against uniform, log2 from 1/8 to 64 times.

const LOW = -3, HIGH = 6; // log2 of 1/8 and of 64
const RAMPS = {
  light: [[0, [8, 10, 14]], [1 / 3, [71, 85, 105]], [5 / 9, [180, 83, 9]], [7 / 9, [245, 158, 11]], [1, [255, 243, 209]]],
  viridis: [[0, [68, 1, 84]], [0.25, [59, 82, 139]], [0.5, [33, 145, 140]], [0.75, [94, 201, 98]], [1, [253, 231, 37]]],
  cividis: [[0, [0, 34, 78]], [0.25, [65, 77, 107]], [0.5, [124, 123, 120]], [0.75, [188, 175, 111]], [1, [254, 232, 56]]],
  magma: [[0, [0, 0, 4]], [0.25, [81, 18, 124]], [0.5, [183, 55, 121]], [0.75, [252, 137, 97]], [1, [252, 253, 191]]],
};

function colourAt(ramp, t) {
  const stops = RAMPS[ramp];
  for (let i = 1; i < stops.length; i++) {
    if (t > stops[i][0] && i < stops.length - 1) continue;
    const [[a, from], [b, to]] = [stops[i - 1], stops[i]], s = Math.min(1, Math.max(0, (t - a) / (b - a)));
    return from.map((c, x) => Math.round(c + (to[x] - c) * s));
  }
}

// weights and even shares -> 0..1 on the chosen scale, with the words that the scale is labelled with
function scaled(weights, shares, scale) {
  const percent = (w) => `${(w * 100).toPrecision(2)}%`;
  if (scale === "uniform") {
    const t = Array.from(weights, (w, i) => (Math.log2(Math.max(1e-9, w / shares[i])) - LOW) / (HIGH - LOW));
    return { t: t.map((x) => Math.min(1, Math.max(0, x))), ends: ["⅛×", "64×"] };
  }
  if (scale === "raw") return { t: Array.from(weights, (w) => Math.min(1, w)), ends: ["0%", "100%"] };
  const low = Math.min(...weights), high = Math.max(...weights), span = high - low || 1;
  return { t: Array.from(weights, (w) => (w - low) / span), ends: [percent(low), percent(high)] };
}

// The overlay on a photo, RGBA: attention is light. Below uniform darkens, above lights up; other ramps paint.
function overlayAt(ramp, t, opacity) {
  if (ramp !== "light") return [...colourAt(ramp, t), Math.round(255 * opacity)];
  if (t < 1 / 3) return [6, 8, 12, Math.round(255 * opacity * (0.35 + 0.6 * (1 - t * 3)))];
  return [255, 176, 40, Math.round(255 * opacity * Math.min(0.75, 0.05 + (t - 1 / 3) * 1.2))];
}
