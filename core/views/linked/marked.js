// What is drawn over a lit photo: the border of what is named and of the patches from 8 times an even share on, arcs
// from the patch that asks to the brightest far ones, and how bright those are. All in screen pixels.

import { signed } from "./moved.js";

const CHANGED = 7, // even shares, from which a change is outlined, dashed where it is a loss
  TOLD_FROM = 0.01; // of all attention, from which the largest gain and loss are named
const OUTLINED = 8; // times an even share
const ARCS = 2;
const BRIGHT = 6; // times an even share, from which a place is named
export const ASK = "#57dcc8",
  EDGE = "#ffd58a",
  FALLEN = "#9ccaff",
  ARC = "#ffb43d";

// grid: { rows, columns, box: [x, y, width, height] in screen pixels }.
export function cellOf({ columns, rows, box: [x, y, width, height] }, p) {
  const [w, h] = [width / columns, height / rows];
  return { x: x + (p % columns) * w, y: y + Math.floor(p / columns) * h, w, h };
}

// A path along the edges of the patches that are `inside`.
export function borderOf(grid, inside) {
  const { rows, columns } = grid,
    parts = [];
  for (let p = 0; p < rows * columns; p++) {
    if (!inside(p)) continue;
    const { x, y, w, h } = cellOf(grid, p),
      column = p % columns;
    if (p < columns || !inside(p - columns)) parts.push(`M${x} ${y}h${w}`);
    if (p >= (rows - 1) * columns || !inside(p + columns)) parts.push(`M${x} ${y + h}h${w}`);
    if (column === 0 || !inside(p - 1)) parts.push(`M${x} ${y}v${h}`);
    if (column === columns - 1 || !inside(p + 1)) parts.push(`M${x + w} ${y}v${h}`);
  }
  return parts.join("");
}

// What is named: the brightest patch but the one that asks, which the sentence tells of, and the brightest that are far
// from both and from each other.
export function brightest(grid, weights, times, asked) {
  const found = [],
    order = [...times.keys()].filter((p) => p !== asked && times[p] >= BRIGHT).sort((a, b) => weights[b] - weights[a]);
  for (const p of order) {
    if (found.filter((one) => isFar(grid, one, asked)).length === ARCS) break;
    if (!found.length || (isFar(grid, p, asked) && found.every((one) => apart(grid, p, one) >= 4))) found.push(p);
  }
  return found;
}

function apart({ columns }, a, b) {
  return Math.max(Math.abs((a % columns) - (b % columns)), Math.abs(Math.floor(a / columns) - Math.floor(b / columns)));
}

// Far enough for an arc.
function isFar(grid, p, asked) {
  return asked === null || apart(grid, p, asked) >= 3;
}

// Strokes and tags, to be drawn on a canvas or written as SVG.
// weights, times: of each patch. asked: the patch that asks, or null. size: [width, height] of the picture.
export function marksOf(grid, weights, times, asked, size) {
  const strokes = [],
    tags = [],
    named = brightest(grid, weights, times, asked),
    border = borderOf(grid, (p) => times[p] >= OUTLINED || named.includes(p));
  if (border)
    strokes.push({ d: border, width: 3, colour: "rgb(0 0 0 / 45%)" }, { d: border, width: 1.4, colour: EDGE });
  const centre = (p) => {
    const { x, y, w, h } = cellOf(grid, p);
    return [x + w / 2, y + h / 2];
  };
  for (const p of named) {
    const { x, y, w } = cellOf(grid, p);
    tags.push({ text: `${timesOf(times[p])}×`, x: x + w + 3, y: y - 18 });
    if (asked === null || !isFar(grid, p, asked)) continue;
    const d = arcBetween(centre(asked), centre(p), size),
      width = Math.min(9, Math.max(1.6, weights[p] * 90));
    strokes.push({ d, width: width + 2.5, colour: "rgb(0 0 0 / 40%)" }, { d, width, colour: ARC });
  }
  if (asked !== null) strokes.push(...ringOf(grid, asked));
  return { strokes, tags };
}

function ringOf(grid, p) {
  const { x, y, w, h } = cellOf(grid, p),
    d = `M${x} ${y}h${w}v${h}h${-w}z`;
  return [
    { d, width: 5, colour: "rgb(0 0 0 / 65%)" },
    { d, width: 2.5, colour: ASK },
  ];
}

// The same of what two pictures differ by. asked: the patches that B and A ask, null where it is none.
export function changesOf(grid, weights, times, [b, a], words) {
  const strokes = [],
    tags = [];
  for (const [sign, colour, dash] of [
    [1, EDGE, []],
    [-1, FALLEN, [4, 3]],
  ]) {
    const border = borderOf(grid, (p) => sign * times[p] >= CHANGED);
    if (border)
      strokes.push({ d: border, width: 3, colour: "rgb(0 0 0 / 45%)" }, { d: border, width: 1.4, colour, dash });
    const most = [...weights.keys()].reduce((x, y) => (sign * weights[y] > sign * weights[x] ? y : x), 0);
    if (sign * weights[most] < TOLD_FROM) continue;
    const { x, y, w } = cellOf(grid, most);
    tags.push({ text: `${signed(times[most], timesOf(Math.abs(times[most])))}×`, x: x + w + 3, y: y - 18 });
  }
  for (const [p, name] of a === b ? [[b, ""]] : [[a, words.pane_a], [b, words.pane_b]]) {
    if (p === null) continue;
    const { x, y, w, h } = cellOf(grid, p);
    strokes.push(...ringOf(grid, p));
    if (name) tags.push({ text: name, x: x + w / 2 - 10, y: y + h + 3 });
  }
  return { strokes, tags };
}

function arcBetween([a, b], [x, y], [width, height]) {
  const far = Math.hypot(x - a, y - b) || 1,
    bend = 0.34 * (x >= a ? 1 : -1),
    inside = (at, most) => Math.max(4, Math.min(most - 4, at)).toFixed(1);
  const cx = inside((a + x) / 2 + (y - b) * bend, width),
    cy = inside((b + y) / 2 - (x - a) * bend, height);
  return far < 1 ? "" : `M${a} ${b}Q${cx} ${cy} ${x} ${y}`;
}

export function timesOf(times) {
  return times.toFixed(times < 9.95 ? 1 : 0).replace(".0", "");
}

export function drawMarks(g, { strokes, tags }, [width, height]) {
  g.lineCap = g.lineJoin = "round";
  for (const { d, width: thick, colour, dash = [] } of strokes) {
    g.lineWidth = thick;
    g.setLineDash(dash);
    g.strokeStyle = colour;
    g.stroke(new Path2D(d));
  }
  g.font = `600 13px ${getComputedStyle(g.canvas).fontFamily}`;
  g.textAlign = "center";
  g.textBaseline = "middle";
  const taken = [];
  for (const { text, x, y } of tags) {
    const long = g.measureText(text).width + 12,
      left = Math.max(2, Math.min(x, width - long - 2));
    let top = Math.max(2, Math.min(y, height - 24));
    while (taken.some((one) => Math.abs(one.top - top) < 21 && left < one.right && one.left < left + long)) top += 22;
    taken.push({ left, right: left + long, top });
    g.fillStyle = "rgb(10 10 12 / 80%)";
    g.beginPath();
    g.roundRect(left, top, long, 20, 4);
    g.fill();
    g.fillStyle = "#ffe9c4";
    g.fillText(text, left + long / 2, top + 10.5);
  }
}
