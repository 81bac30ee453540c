// The curves that join words. A word is a box: { x, y, w, h, cx, bottom } in screen pixels.

const BESIDE = 8; // px beside a line, where a curve has room

export function boxesOf(elements, origin) {
  return [...elements].map((element) => {
    const { left, top, width: w, height: h } = element.getBoundingClientRect(),
      [x, y] = [left - origin.left, top - origin.top];
    return { x, y, w, h, cx: x + w / 2, bottom: y + h };
  });
}

export const sameLine = (a, b) => Math.abs(a.bottom - b.bottom) < 0.5 * a.h;

// From the foot of the upper word to the head of the lower one.
export function ribbonBetween(a, b) {
  const [from, to] = a.y <= b.y ? [a, b] : [b, a],
    [y0, y1] = [from.bottom + 1, to.y - 1],
    m = (y1 - y0) / 2;
  return path`M${from.cx} ${y0}C${from.cx} ${y0 + m} ${to.cx} ${y1 - m} ${to.cx} ${y1}`;
}

// The same where other lines of words lie between: through the nearest gap of each, so that no word lies on it.
// lines: { top, bottom, gaps: places across }, from above to below.
export function ribbonThrough(a, b, lines) {
  const [from, to] = a.y <= b.y ? [a, b] : [b, a],
    crossed = lines.filter(({ top, bottom }) => top > from.bottom - 2 && bottom < to.y + 2);
  if (!crossed.length) return ribbonBetween(a, b);
  let [d, x, y] = [path`M${from.cx} ${from.bottom + 1}`, from.cx, from.bottom + 1];
  for (const { top, bottom, gaps } of crossed) {
    const way = x + ((to.cx - x) * (top - y)) / Math.max(1, to.y - y),
      free = way < gaps[0] || way > gaps.at(-1),
      gap = free ? way : gaps.reduce((best, one) => (Math.abs(one - way) < Math.abs(best - way) ? one : best)),
      m = (top - y) / 2;
    d += path`C${x} ${y + m} ${gap} ${top - m} ${gap} ${top}` + path`V${bottom}`;
    [x, y] = [gap, bottom];
  }
  const m = (to.y - 1 - y) / 2;
  return d + path`C${x} ${y + m} ${to.cx} ${to.y - 1 - m} ${to.cx} ${to.y - 1}`;
}

// The lines of some rows of words, with the gaps between their words and beside them.
export function linesOf(rows) {
  const lines = [];
  for (const row of rows)
    for (const box of row)
      if (lines.length && sameLine(lines.at(-1).boxes[0], box)) lines.at(-1).boxes.push(box);
      else lines.push({ boxes: [box] });
  return lines.map(({ boxes }) => {
    const order = [...boxes].sort((a, b) => a.x - b.x),
      gaps = order.map((box, i) => (i ? (order[i - 1].x + order[i - 1].w + box.x) / 2 : box.x - BESIDE));
    const end = order.at(-1);
    return {
      top: Math.min(...boxes.map(({ y }) => y)),
      bottom: Math.max(...boxes.map(({ bottom }) => bottom)),
      gaps: [...gaps, end.x + end.w + BESIDE],
    };
  });
}

// Between two words of one line; room: how far it may reach, in pixels, above the line where `up`.
export function arcOver(a, b, up, room) {
  const away = Math.min(room * 1.25, Math.max(8, Math.abs(a.cx - b.cx) * 0.32)) * (up ? -1 : 1),
    [y0, y1] = up ? [a.y, b.y] : [a.bottom, b.bottom],
    peak = (up ? Math.min(y0, y1) : Math.max(y0, y1)) + away;
  return path`M${a.cx} ${y0}C${a.cx} ${peak} ${b.cx} ${peak} ${b.cx} ${y1}`;
}

// Under the words from one to another of a line.
export function bracketUnder(first, last) {
  const [left, right] = first.x < last.x ? [first, last] : [last, first],
    y = Math.max(left.bottom, right.bottom) + 3;
  return path`M${left.x + 3} ${y}v4H${right.x + right.w - 3}v-4`;
}

function path(texts, ...numbers) {
  return texts.reduce((d, text, x) => d + numbers[x - 1].toFixed(1) + text);
}
