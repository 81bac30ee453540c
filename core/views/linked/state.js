// What the person chose, as short text for the URL and for Python: "depth_0.5~method_max~image_57.0.2". Defaults are
// left out. What is pinned as A stands beside it, "pin_held!depth_0.2!image_40", with ! for ~; what was changed by hand
// in it too, "image-hand_encoder-a-a-41-1-20" (edits.js).
// Read on the other side by core/views/linked/state.py.

import { RAMPS } from "./colour.js";

const DEFAULTS = {
  depth: 0.91,
  turned: false,
  method: "mean",
  scale: "uniform",
  colours: "light",
  hues: false,
  opacity: 0.85,
  smooth: true,
  keep: 1,
  hide: false,
  grid: "maps",
  merge: true,
  reading: "output",
  layout: "ribbons",
};
export const CHOICES = {
  method: ["mean", "max", "value"],
  scale: ["uniform", "raw", "rescaled"],
  colours: Object.keys(RAMPS),
  grid: ["maps", "entropy", "distance", "sink", "diagonal", "variation"],
  reading: ["output", "input"],
  layout: ["ribbons", "matrix"],
};

// Unknown names and values that cannot be are left at their defaults: a link may be old or damaged.
export function readState(text) {
  const state = { ...DEFAULTS },
    cards = {},
    hands = {};
  let pin = null;
  for (const pair of (text ?? "").split("~")) {
    const cut = pair.indexOf("_"),
      name = pair.slice(0, cut),
      value = pair.slice(cut + 1);
    const [, card, byHand] = /^((?:image|sentence|text|caption)\d*)(-hand)?$/.exec(name) ?? [];
    if (card) (byHand ? hands : cards)[card] = value;
    else if (name === "pin") pin = readPin(value);
    else if (!Object.hasOwn(DEFAULTS, name)) continue;
    else if (typeof DEFAULTS[name] === "number") {
      const number = Number.parseFloat(value);
      if (number >= 0) state[name] = Math.min(1, number);
    } else if (typeof DEFAULTS[name] === "boolean") state[name] = value === "yes";
    else if (CHOICES[name].includes(value)) state[name] = value;
  }
  return { state, cards, hands, pin };
}

// text: of what is pinned, in the state's own words. held: it stays as it was; else it is asked what B is asked.
function readPin(value) {
  const [mode, ...pairs] = value.split("!");
  return ["held", "with"].includes(mode) ? { held: mode === "held", text: pairs.join("~") } : null;
}
export function writePin({ held, text }) {
  return [`pin_${held ? "held" : "with"}`, ...text.split("~").filter(Boolean)].join("!");
}

// What changes the numbers, and not the drawing: A has its own of these.
export const NUMBERS = ["depth", "turned", "method", "hide", "reading"];
export function part(state, numbers) {
  const names = Object.keys(DEFAULTS).filter((name) => NUMBERS.includes(name) === numbers);
  return Object.fromEntries(names.map((name) => [name, state[name]]));
}

// state: all of it or a part.
// cards: name -> { at: "57" or "t2", heads: [0, 2] or null for all }, or null where nothing was chosen
export function writeState(state, cards) {
  const pairs = Object.keys(DEFAULTS)
    .filter((name) => state[name] !== undefined && state[name] !== DEFAULTS[name])
    .map((name) => {
      const value = state[name];
      if (typeof value === "number") return `${name}_${Number(value.toFixed(3))}`;
      if (typeof value === "boolean") return `${name}_${value ? "yes" : "no"}`;
      return `${name}_${value}`;
    });
  for (const [name, card] of Object.entries(cards))
    if (card) pairs.push(`${name}_${[card.at, ...(card.heads ?? [])].join(".")}`);
  return pairs.join("~");
}

// Edits of each card, as a part of a state.
export function writeHands(edits) {
  const made = Object.entries(edits).filter(([, text]) => text);
  return made.map(([name, text]) => `${name}-hand_${text}`).join("~");
}

// "t2.0.1" -> { at: "t2", heads: the set {0, 1}, all where none is named }
export function readCard(value, count) {
  const [at = "", ...named] = (value ?? "").split("."),
    heads = named.map(Number).filter((h) => Number.isInteger(h) && h >= 0 && h < count);
  return { at, heads: new Set(heads.length ? heads : Array(count).keys()) };
}
