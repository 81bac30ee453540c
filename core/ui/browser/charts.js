// Charts: each has a text of its own for whoever hears the page, and is saved as a figure for a paper: with its title
// below, and as wide as the narrowest column in which its letters can be read.

import { download, svgFile } from "../../views/linked/file.js";
import { READ, shape, sheet, wrapped } from "../../views/linked/svg.js";

const COLUMNS = [85, 120, 180], // mm, as in the menu of the pictures
  LETTERS = 12, // px of a chart's letters
  SIZE = 14, // px of its title
  EDGE = 16, // px around it
  FEW = 8; // bars whose numbers are told
// Plotly makes this button anew now and then, and may be asked before its new one was met.
const SAVES = '.modebar-btn:is([data-title^="Download"], [data-saves])';
const SECTION = ":is(.st-key-section, .st-key-explain) [aria-checked=true]",
  HEADINGS = `[data-testid=stMain] :is(h1, h2, h3, h4, summary, ${SECTION})`;

const axesOf = ({ layout = {} }) => Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
const shown = (text) => new DOMParser().parseFromString(text ?? "", "text/html").body.textContent.trim();
const number = (value) => String(Number(Number(value).toPrecision(3)));

// What the nearest heading above it says.
function headingOf(gd) {
  const above = [...document.querySelectorAll(HEADINGS)].filter(
    (one) => one.compareDocumentPosition(gd) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const last = above.at(-1),
    said = last?.querySelector("p") ?? last; // without the sign of a drawer
  return said?.textContent.trim() ?? "";
}

// Its title: under which heading it stands, and what its axes are.
function titleOf(gd) {
  const axes = axesOf(gd).map((name) => shown(gd.layout[name].title?.text));
  return [headingOf(gd), ...new Set(axes.filter(Boolean))].filter(Boolean).join(" · ");
}

// What one series of it holds: a few bars by name, else from where to where it goes.
function seriesOf({ name, type, orientation, x = [], y = [], z, text, visible }) {
  const called = /^trace \d+$/.test(name ?? "") ? "" : `${shown(name)} `,
    [places, values] = orientation === "h" ? [y, x] : [x, y],
    numbers = (z ? [...z].flatMap((row) => [...row]) : [...values]).filter(Number.isFinite);
  if (visible === false || !numbers.length) return "";
  if (type !== "bar" || numbers.length > FEW)
    return `${called}${number(Math.min(...numbers))} – ${number(Math.max(...numbers))}`;
  const each = [...values].map((value, i) => `${shown(String(places[i]))} ${text?.[i] ?? number(value)}`);
  return called + each.join(", ");
}

function tell(gd) {
  const series = (gd._fullData ?? []).map(seriesOf).filter(Boolean),
    [first, ...rest] = gd.querySelectorAll(".main-svg");
  if (!first) return;
  first.setAttribute("role", "img");
  first.setAttribute("aria-label", [titleOf(gd), series.join("; ")].filter(Boolean).join(": "));
  for (const one of rest) one.setAttribute("aria-hidden", "true");
}

// { width, height, svg } as file.js takes it: what is drawn, on the ground that it stands on.
function figureOf(gd) {
  const { clientWidth: width, clientHeight: height } = gd,
    page = getComputedStyle(gd.closest(".stApp") ?? document.body),
    whole = width + 2 * EDGE,
    lines = [...wrapped(titleOf(gd), width, SIZE), `Sidelight, ${new Date().toISOString().slice(0, 10)}`],
    tall = height + 2 * EDGE + 1.4 * SIZE * lines.length;
  const layers = [...gd.querySelectorAll(".main-svg")].map((one) => {
    const inks = [...one.querySelectorAll("text")].map((text) => getComputedStyle(text).fill),
      copy = one.cloneNode(true);
    copy.querySelectorAll("text").forEach((text, i) => text.style.setProperty("fill", inks[i]));
    for (const name of ["role", "aria-label", "aria-hidden", "style", "class"]) copy.removeAttribute(name);
    copy.querySelector(".hoverlayer")?.remove();
    return new XMLSerializer().serializeToString(copy);
  });
  const words = lines.map((line, i) => {
    const place = { x: 0, y: height + 1.4 * SIZE * (i + 1), "font-size": i === lines.length - 1 ? 0.86 * SIZE : SIZE };
    return shape("text", { ...place, fill: page.color, stroke: "none" }, line);
  });
  const back = shape("rect", { x: -EDGE, y: -EDGE, width: whole, height: tall, fill: page.backgroundColor }),
    label = shape("title", {}, titleOf(gd));
  const inside = label + back + layers.join("") + words.join("");
  return { width: whole, height: tall, svg: sheet(-EDGE, -EDGE, whole, tall, inside) };
}

async function save(event) {
  const gd = event.target.closest?.(SAVES)?.closest(".js-plotly-plot");
  if (!gd) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const figure = figureOf(gd),
    wide = COLUMNS.find((mm) => mm >= (figure.width * READ) / LETTERS) ?? COLUMNS.at(-1);
  download(await svgFile(figure, wide), "sidelight.svg");
}

let words = {};
function meet(gd) {
  const look = () => {
    tell(gd);
    for (const button of gd.querySelectorAll(SAVES)) {
      Object.assign(button.dataset, { saves: true, title: words.save });
      button.ariaLabel = words.save;
    }
  };
  look();
  gd.on("plotly_afterplot", look);
}

const known = new WeakSet();
let waiting = false;
function look() {
  waiting = false;
  for (const gd of document.querySelectorAll(".js-plotly-plot")) {
    const first = gd.querySelector(".main-svg");
    if (!gd.on || !first) soon(); // plotly is at work yet
    else if (!known.has(first)) {
      known.add(first); // a chart that is drawn anew has forgotten who listens
      meet(gd);
    }
  }
}
function soon() {
  if (!waiting) setTimeout(look, 200);
  waiting = true;
}

let watching = false;
export default function ({ data }) {
  words = data;
  soon();
  if (watching) return;
  watching = true;
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
  document.addEventListener("click", save, true);
}
