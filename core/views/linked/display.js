// The drawer of what changes the drawing and not the attention's place: method, scale, colours, words.

import { add, percent } from "./dom.js";
import { CHOICES } from "./state.js";

export class Display {
  // by: the button that opens it.
  constructor(view, place, by) {
    const { words, cards } = view,
      has = (shape) => cards.some(({ axes }) => axes.some((axis) => axis.shape === shape)),
      withSinks = cards.some(({ leads }) => leads.some(({ sinks }) => sinks.length));
    Object.assign(this, { view, by, fields: [] });
    this.root = add(place, "div", "panel", { hidden: true, role: "dialog", ariaLabel: words.more });
    document.documentElement.classList.remove("adjusts"); // of a view that this one replaces
    this.root.onkeydown = (e) => {
      if (e.key === "Escape") this.toggle(false);
    };
    by.setAttribute("aria-expanded", false);
    this.select("method");
    this.toggleOf("hues", words.hues);
    this.toggleOf("hide", withSinks ? words.hide_sinks : words.hide);
    this.slide("keep", words.keep, 0.1);
    if (has("grid")) {
      this.toggleOf("smooth", words.smooth);
      this.select("colours");
      this.slide("opacity", words.opacity, 0);
    }
    if (has("row")) this.toggleOf("merge", words.merge);
    if (cards.some(({ reading }) => reading?.matrix)) this.select("layout");
    if (cards.some(({ leads }) => leads.some(({ written }) => written))) this.select("reading");
    add(this.root, "p", "keys").textContent = words.keys;
  }

  toggle(open = this.root.hidden) {
    this.root.hidden = !open;
    document.documentElement.classList.toggle("adjusts", open); // what lies over the view makes room
    this.by.setAttribute("aria-expanded", open);
    for (const [field, property, name] of this.fields) field[property] = this.view[name];
    if (open) this.root.querySelector("select, input").focus();
    else this.by.focus();
  }

  select(name) {
    const { view } = this,
      label = add(this.root, "label"),
      select = (label.append(view.words[name]), add(label, "select"));
    CHOICES[name].forEach((value) => add(select, "option", "", { value, textContent: view.words[`${name}_${value}`] }));
    this.fields.push([select, "value", name]);
    select.value = view[name];
    select.onchange = () => view.set(name, select.value);
  }

  toggleOf(name, title) {
    const { view } = this,
      label = add(this.root, "label"),
      box = (label.append(title), add(label, "input", "", { type: "checkbox", checked: view[name] }));
    this.fields.push([box, "checked", name]);
    box.onchange = () => view.set(name, box.checked);
  }

  slide(name, title, min) {
    const { view } = this,
      label = add(this.root, "label");
    label.append(title);
    const slider = add(label, "input", "", { type: "range", min, max: 1, step: 0.05, value: view[name] }),
      value = add(label, "output", "", { textContent: percent(view[name]) });
    slider.oninput = () => {
      view[name] = Number(slider.value);
      value.textContent = percent(view[name]);
      view.draw();
    };
    slider.onchange = () => view.settle();
  }
}
