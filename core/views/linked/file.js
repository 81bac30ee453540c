// A figure as a file: SVG with its letters in it, PNG of two or four times its size, or all figures as pages to print.

const MM = 25.4 / 96; // of a pixel
const SANS = "Source Sans"; // the letters of the page, where it brings them

let fontStyle = null; // a rule for an SVG's style, made once

// The letters that the page itself is set in, as a style of the figure; none in a page that has only those of the
// machine. Chinese stays with the reader's own: a font of it is larger than any figure.
function fontStyleOf() {
  const rules = [...document.styleSheets].flatMap((sheet) => {
    try {
      return [...sheet.cssRules];
    } catch {
      return []; // of another origin
    }
  });
  const found = rules.find(
    (rule) =>
      rule instanceof CSSFontFaceRule &&
      rule.style.fontFamily.replaceAll(/["']/g, "") === SANS &&
      rule.style.fontStyle !== "italic",
  );
  const [, address] = /url\(["']?([^"')]+)/.exec(found?.style.src ?? found?.cssText ?? "") ?? [];
  return address ? embedded(new URL(address, found.parentStyleSheet.href ?? document.baseURI)) : Promise.resolve("");
}

async function embedded(address) {
  const answer = await fetch(address);
  if (!answer.ok) return "";
  const href = await dataOf(await answer.blob());
  return `@font-face{font-family:"${SANS}";font-weight:200 900;src:url(${href}) format("woff2")}`;
}

const dataOf = (blob) =>
  new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });

// figure: { width, height, svg } in pixels. wide: millimetres, or null for as large as it is.
// The SVG with its letters, of that width.
export async function drawing({ width, height, svg }, wide) {
  const style = await (fontStyle ??= fontStyleOf()),
    size = wide ? `width="${wide}mm" height="${((wide * height) / width).toFixed(2)}mm"` : "";
  const sized = size ? svg.replace(/width="[\d.]+" height="[\d.]+"/, size) : svg;
  return sized.replace(/>/, `>${style ? `<style>${style}</style>` : ""}`);
}

export async function svgFile(figure, wide) {
  return new Blob([await drawing(figure, wide)], { type: "image/svg+xml" });
}

export async function pngFile(figure, wide, times) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(await drawing(figure, null))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {
    width: times * figure.width,
    height: times * figure.height,
  });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return withDensity(blob, canvas.width / (wide ?? figure.width * MM));
}

// How many of its pixels are a millimetre, so that it is as wide on paper as was asked: a chunk behind the PNG's head.
async function withDensity(blob, each) {
  const HEAD = 33, // bytes of the signature and IHDR
    chunk = new DataView(new ArrayBuffer(21)),
    perMetre = Math.round(1000 * each);
  chunk.setUint32(0, 9);
  [..."pHYs"].forEach((letter, x) => chunk.setUint8(4 + x, letter.charCodeAt(0)));
  chunk.setUint32(8, perMetre);
  chunk.setUint32(12, perMetre);
  chunk.setUint8(16, 1); // metres
  chunk.setUint32(17, checksum(new Uint8Array(chunk.buffer, 4, 13)));
  return new Blob([blob.slice(0, HEAD), chunk, blob.slice(HEAD)], { type: "image/png" });
}

// CRC-32 as PNG has it (ISO 3309).
function checksum(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

// All figures, a page of its own size for each. The browser's own printing makes the PDF: lines stay lines, and the
// letters that occur are embedded, whatever their script.
export async function pages(figures, wide) {
  const sizes = figures.map(({ width, height }) => {
    const across = wide ?? width * MM;
    return [across, (across * height) / width].map((side) => `${side.toFixed(2)}mm`);
  });
  const drawn = await Promise.all(figures.map((one) => drawing(one, null)));
  const rules = sizes.map(
    ([across, down], x) =>
      `@page p${x}{size:${across} ${down};margin:0}#p${x}{page:p${x};break-after:page;width:${across};height:${down}}`,
  );
  const style = `body{margin:0}svg{display:block;width:100%;height:99.9%}div:last-child{break-after:auto!important}`;
  const body = drawn.map((svg, x) => `<div id="p${x}">${svg}</div>`).join("");
  const title = `<!doctype html><meta charset="utf-8"><title>sidelight</title>`;
  return `${title}<style>${style}${rules.join("")}</style>${body}`;
}

export function print(html) {
  const frame = Object.assign(document.createElement("iframe"), { srcdoc: html, ariaHidden: "true", tabIndex: -1 });
  frame.style.cssText = "position:fixed;width:0;height:0;border:0";
  frame.onload = async () => {
    await frame.contentDocument.fonts.ready;
    frame.contentWindow.onafterprint = () => frame.remove();
    frame.contentWindow.focus();
    frame.contentWindow.print();
  };
  document.body.append(frame);
}

export function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 5000);
}
