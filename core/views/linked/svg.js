// Elements and letters of a drawing that is saved.

export const FACE =
  "'Source Sans', 'Source Sans 3', Helvetica, Arial, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', " +
  "'Noto Sans SC', 'Source Han Sans SC', sans-serif"; // Latin before Chinese, whose signs between words are wide

// Letters of seven points are the smallest that are read on paper: in millimetres.
export const READ = 7 * (25.4 / 72);

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const attributes = (values) =>
  Object.entries(values)
    .map(
      ([name, value]) => `${name}="${escaped(String(typeof value === "number" ? Number(value.toFixed(2)) : value))}"`,
    )
    .join(" ");
// An element with its attributes; text becomes no markup.
export const shape = (tag, values, text) =>
  `<${tag} ${attributes(values)}${text ? `>${escaped(text)}</${tag}>` : "/>"}`;

// A whole drawing, in pixels. Its language says which letters a program takes that has none of ours: Chinese ones are
// not inside, and one letter has another shape in Japanese. Each is as wide as it is high, so its place holds in any
// font.
export function sheet(left, top, width, height, inside) {
  const size = `width="${width}" height="${height}" viewBox="${left} ${top} ${width} ${height}"`,
    how = `role="img" xml:lang="${document.documentElement.lang}" font-family="${FACE}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${how}>${inside}</svg>`;
}

// A colour as every program reads it, and its opacity.
let dot = null;
export function plain(colour) {
  dot ??= Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
    willReadFrequently: true,
  });
  dot.clearRect(0, 0, 1, 1);
  dot.fillStyle = colour;
  dot.fillRect(0, 0, 1, 1);
  const [red, green, blue, opacity] = dot.getImageData(0, 0, 1, 1).data;
  return { colour: opacity ? `rgb(${red},${green},${blue})` : "none", opacity: opacity / 255 };
}

let ruler = null;
export function textWidth(text, size) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `${size}px ${FACE}`;
  return ruler.measureText(text).width;
}

// Lines no wider than a figure; Chinese breaks between any two letters.
export function wrapped(text, width, size) {
  const lines = [""];
  for (const part of text.match(/[\u2e80-\uffef]|[^\s\u2e80-\uffef]+|\s+/g) ?? [])
    if (textWidth(lines.at(-1) + part, size) > width && part.trim()) lines.push(part);
    else lines[lines.length - 1] += part;
  return lines.map((line) => line.trim());
}
