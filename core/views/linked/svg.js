// Elements and letters of a drawing that is saved.

export const FACE =
  "'Source Sans', 'Source Sans 3', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', " +
  "'Source Han Sans SC', Helvetica, Arial, sans-serif";

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
