// Small helpers for elements and words. Typed text is only ever set as text, never as markup.

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

// A sentence with its values set in bold.
export function speak(element, template, values, more = false) {
  if (!more) element.replaceChildren();
  else element.append(" ");
  template.split(/(\{\w+\})/).forEach((piece) => {
    if (/^\{\w+\}$/.test(piece)) {
      const bold = add(element, "b");
      bold.textContent = values[piece.slice(1, -1)];
      bold.dir = "auto";
    } else element.append(piece);
  });
}

export function percent(weight, digits = 0) {
  return `${(weight * 100).toFixed(digits)}%`;
}

// Indices from the largest weight down.
export function descending(weights) {
  return [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
}
