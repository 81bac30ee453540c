// What a crop cut away of a photo, and what a query cannot see of it: light would say that it is looked at, so it is
// dark and hatched, and what was cut away is named.

// What of the photo the model never saw: strips beside the grid, in photo pixels.
export function unseenOf(axis) {
  const [l, t, r, b] = axis.image_box,
    [w, h] = axis.image_size,
    within = (x, most) => Math.max(0, Math.min(most, x));
  const [left, top, right, bottom] = [within(l, w), within(t, h), within(r, w), within(b, h)];
  const strips = [
    [0, 0, left, h],
    [right, 0, w - right, h],
    [left, 0, right - left, top],
    [left, bottom, right - left, h - bottom],
  ];
  return strips.filter(([, , width, height]) => width > 0.5 && height > 0.5);
}

// The patches of a grid of `columns` that are closed, as strips of one row each: [column, row, length].
export function closedStrips(closed, columns) {
  const strips = [];
  for (let p = 0; p < closed.length; p++) {
    const last = strips.at(-1),
      column = p % columns;
    if (!closed[p]) continue;
    if (column && closed[p - 1]) last[2]++;
    else strips.push([column, Math.floor(p / columns), 1]);
  }
  return strips;
}

// What a query cannot see. grid: { rows, columns, box } in the pixels of the context.
export function veil(g, { rows, columns, box: [x, y, width, height] }, closed, px) {
  const [w, h] = [width / columns, height / rows];
  dark(
    g,
    closedStrips(closed, columns).map(([column, row, length]) => [x + column * w, y + row * h, length * w, h]),
    [x, y, width, height],
    px,
  );
}

// What a crop cut away, where there is room named in words. px: screen pixels a photo pixel.
export function hatch(g, strips, text, px) {
  for (const strip of strips) {
    g.save();
    dark(g, [strip], strip, px);
    if (text) label(g, text, strip, 13 / px);
    g.restore();
  }
}

// Dark and hatched: boxes within one, whose lines run on from each to the next.
function dark(g, boxes, [x, y, width, height], px) {
  if (!boxes.length) return;
  g.save();
  g.beginPath();
  for (const box of boxes) g.rect(...box);
  g.clip();
  g.fillStyle = "rgb(22 23 26 / 78%)";
  g.fillRect(x, y, width, height);
  g.strokeStyle = "#8f8b84";
  g.lineWidth = 1.2 / px;
  g.beginPath();
  for (let at = x - height; at < x + width; at += 9 / px) {
    g.moveTo(at, y + height);
    g.lineTo(at + height, y);
  }
  g.stroke();
  g.restore();
}

// A line of text along the longer side of a box, where it fits.
function label(g, text, [x, y, width, height], size) {
  g.font = `${size}px system-ui`;
  const long = g.measureText(text).width + size,
    tall = height > width;
  if (Math.max(width, height) < long || Math.min(width, height) < 1.6 * size) return;
  g.translate(x + width / 2, y + height / 2);
  if (tall) g.rotate(-Math.PI / 2);
  g.fillStyle = "rgb(13 14 16 / 88%)";
  g.fillRect(-long / 2, -0.8 * size, long, 1.6 * size);
  g.fillStyle = "#e9e6df";
  g.textAlign = "center";
  g.textBaseline = "middle";
  g.fillText(text, 0, 0);
}
