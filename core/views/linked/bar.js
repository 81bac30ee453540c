// The bar above the cards: one selector for all of them, the display settings behind a fold, and the colour bar.

import { add, percent } from "./dom.js";
import { colourAt, tinted } from "./colour.js";
import { CHOICES } from "./state.js";

export class Bar {
  constructor(view, root) {
    const { words, cards } = view,
      has = (shape) => cards.some(({ axes }) => axes.some((axis) => axis.shape === shape));
    Object.assign(this, { view, root });
    this.depth();
    this.choice("turned", [
      [false, words.looks_at],
      [true, words.looked_at],
    ]);
    this.select("method");
    this.toggle("hues", words.hues);
    if (has("row")) this.toggle("merge", words.merge);
    if (cards.some(({ pair }) => pair)) {
      this.choice("layout", [
        ["ribbons", words.ribbons],
        ["matrix", words.matrix],
      ]);
    }
    const more = add(this.root, "details", "more");
    add(more, "summary").textContent = words.more;
    this.drawer = add(more, "div", "drawer");
    this.slide("keep", words.keep, 0.1, (x) => percent(x));
    this.toggle("hide", words.hide);
    this.select("grid");
    this.select("scale");
    this.select("colours");
    if (has("grid")) {
      this.slide("opacity", words.opacity, 0, (x) => percent(x));
      this.toggle("smooth", words.smooth);
    }
    if (cards.some(({ leads }) => leads.some(({ written }) => written))) this.select("reading");
    this.drawer = null;
    this.scale();
  }

  get place() {
    return this.drawer ?? this.root;
  }

  depth() {
    const { view } = this,
      label = add(this.root, "label");
    label.append(view.words.depth);
    view.slider = add(label, "input", "", { type: "range", min: 0, max: 1, step: 0.01, value: view.depth });
    view.slider.oninput = () => view.setDepth(Number(view.slider.value));
    view.slider.onchange = () => view.settle();
    view.layers = add(label, "span", "layers");
  }

  choice(name, options) {
    const { view } = this,
      group = add(this.place, "div", "choice", { role: "group" });
    options.forEach(([value, text]) => {
      const button = add(group, "button", "", { textContent: text, ariaPressed: view[name] === value });
      button.onclick = () => {
        [...group.children].forEach((b) => {
          b.ariaPressed = b === button;
        });
        view.set(name, value);
      };
    });
  }

  select(name) {
    const { view } = this,
      label = add(this.place, "label"),
      select = (label.append(view.words[name]), add(label, "select"));
    CHOICES[name].forEach((value) => add(select, "option", "", { value, textContent: view.words[`${name}_${value}`] }));
    select.value = view[name];
    select.onchange = () => view.set(name, select.value);
  }

  toggle(name, title) {
    const { view } = this,
      label = add(this.place, "label"),
      box = add(label, "input", "", { type: "checkbox", checked: view[name] });
    label.append(title);
    box.onchange = () => view.set(name, box.checked);
  }

  slide(name, title, min, format) {
    const { view } = this,
      label = add(this.place, "label");
    label.append(title);
    const slider = add(label, "input", "short", { type: "range", min, max: 1, step: 0.05, value: view[name] }),
      value = add(label, "span", "layers", { textContent: format(view[name]) });
    slider.oninput = () => {
      view[name] = Number(slider.value);
      value.textContent = format(view[name]);
      view.draw();
    };
    slider.onchange = () => view.settle();
  }

  scale() {
    const { view } = this,
      scale = add(this.root, "div", "scale"),
      bar = add(scale, "div"),
      ramp = add(bar, "canvas", "", { width: 180, height: 12 }),
      ticks = add(bar, "div", "ticks"),
      name = add(scale, "span");
    view.drawScale = () => {
      const now = [view.scale, view.colours, view.hues].join();
      if (this.drawn === now) return;
      this.drawn = now;
      const g = ramp.getContext("2d");
      for (let x = 0; x < 180; x++) {
        g.fillStyle = `rgb(${view.hues ? tinted([170, 170, 170], x / 179) : colourAt(view.colours, x / 179)})`;
        g.fillRect(x, 0, 1, 12);
      }
      const labels = {
        uniform: ["⅛×", "1×", "8×", "64×"],
        raw: ["0%", "50%", "100%"],
        rescaled: [view.words.smallest, view.words.largest],
      }[view.scale];
      ticks.replaceChildren(
        ...labels.map((text) => add(document.createElement("i"), "span", "", { textContent: text })),
      );
      name.textContent = view.words[`scale_${view.scale}`];
    };
  }
}
