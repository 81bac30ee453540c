// What a crop cut away of a photo: light would say that it is looked at, so it is dark, hatched and named.

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

// Dark and hatched, where there is room named in words: light would say that it is looked at.
// px: screen pixels a photo pixel.
export function hatch(g, strips, text, px) {
  const size = 13 / px;
  for (const [x, y, width, height] of strips) {
    g.save();
    g.beginPath();
    g.rect(x, y, width, height);
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
    label(g, text, [x, y, width, height], size);
    g.restore();
  }
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
