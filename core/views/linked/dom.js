// Small helpers for elements and words. Typed text is only ever set as text, never as markup.

// Text part by part, so that what has no room is left out as a whole (style.css); the whole of it as a title.
export function parted(element, text) {
  if (element.title === text) return;
  element.title = text;
  element.replaceChildren();
  text.split(" · ").forEach((part, x) => add(element, "span", "", { textContent: x ? ` · ${part}` : part }));
}

export function add(parent, tag, className = "", properties = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(properties))
    if (name === "role") element.setAttribute(name, value);
    else element[name] = value;
  return parent.appendChild(element);
}

export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// What a sentence is about; shares stand as plain numbers.
const STRONG = /^(who|first|second|reader|count|moved|from|to)$/;

// A sentence whose names are set in bold.
export function speak(element, template, values, more = false) {
  if (!more) element.replaceChildren();
  else element.append(" ");
  template.split(/(\{\w+\})/).forEach((piece) => {
    const name = /^\{(\w+)\}$/.exec(piece)?.[1];
    if (!name) element.append(piece);
    else if (STRONG.test(name)) add(element, "b", "", { textContent: values[name], dir: "auto" });
    else element.append(values[name]);
  });
}

export function percent(weight, digits = 0) {
  return `${(weight * 100).toFixed(digits)}%`;
}

// What is unfolded closes with Escape, and where anything else is pressed. opened: called when it opens.
export function folds(root, opened = () => {}) {
  const away = (e) => {
    if (!e.composedPath().includes(root)) root.open = false;
  };
  root.onkeydown = (e) => {
    if (e.key !== "Escape") return;
    root.open = false;
    root.querySelector("summary").focus();
  };
  root.ontoggle = () => {
    if (!root.open) return document.removeEventListener("pointerdown", away);
    opened();
    document.addEventListener("pointerdown", away);
  };
}

// Indices from the largest weight down.
export function descending(weights) {
  return [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
}
