// A film of one probe's attention: a picture a frame, played and stepped in the browser alone, by pointer or keyboard.

import { add, fill } from "./linked/dom.js";

const PACE = 350; // ms a frame

class Film {
  // at: the frame that is shown at first.
  constructor(root, data, at) {
    Object.assign(this, { root, data, last: data.frames.length - 1 });
    root.replaceChildren();
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", data.words.name);
    this.drawScale();
    this.drawMap();
    if (this.last > 0) this.drawControls();
    this.show(at);
  }

  drawScale() {
    const scale = add(this.root, "div", "scale"), bar = add(scale, "div", "ramp");
    scale.prepend(this.data.words.scale);
    bar.style.background = `linear-gradient(to right, ${this.data.ramp})`;
    const ticks = add(scale, "div", "ticks");
    this.data.ticks.forEach((textContent) => add(ticks, "span", "", { textContent }));
  }

  // The picture under the columns' names and beside the rows'; on a photo there are none of either.
  drawMap() {
    const { rows, columns, photo, words } = this.data, named = rows.length > 0;
    const map = add(add(this.root, "div", "roll"), "div", named ? "map named" : "map");
    columns.forEach((textContent, x) => { add(map, "span", "column", { textContent }).style.gridColumn = x + 2; });
    rows.forEach((textContent, y) => { add(map, "span", "row", { textContent, dir: "auto" }).style.gridRow = y + 2; });
    if (named) { map.style.setProperty("--columns", columns.length); map.style.setProperty("--rows", rows.length); }
    const layers = add(map, "div", "layers");
    if (photo) add(layers, "img", "photo", { src: photo, alt: "" });
    this.picture = add(layers, "img", "frame", { alt: words.name });
    this.said = add(this.root, "p", "said");
    layers.onpointermove = layers.onpointerdown = (event) => {
      const box = layers.getBoundingClientRect(), times = this.data.frames[this.at].times;
      const place = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
      this.over = [
        place((event.clientY - box.y) / box.height, times.length),
        place((event.clientX - box.x) / box.width, times[0].length),
      ];
      this.say();
    };
    layers.onpointerleave = () => { this.over = null; this.say(); };
  }

  drawControls() {
    const { words } = this.data, bar = add(this.root, "div", "controls");
    this.button = add(bar, "button", "", { type: "button", onclick: () => this.play(!this.timer) });
    this.slider = add(bar, "input", "", { type: "range", min: 0, max: this.last, step: 1, ariaLabel: words.slider });
    this.slider.oninput = () => this.step(Number(this.slider.value));
    this.now = add(bar, "span", "now", { ariaHidden: "true" });
    add(this.root, "p", "keys", { textContent: words.keys });
    this.heard = add(this.root, "p", "heard", { role: "status" });
    this.root.onkeydown = (event) => this.press(event);
    this.play(false);
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by) this.step(Math.min(this.last, Math.max(0, this.at + by)));
    else if (event.key === " " && event.target !== this.button) this.play(!this.timer); // a button presses itself
    else return;
    event.preventDefault();
  }

  step(at) { this.show(at); this.play(false); }

  play(on) {
    const { play, pause } = this.data.words, was = this.timer;
    clearInterval(this.timer);
    this.timer = on ? setInterval(() => this.tick(), PACE) : null;
    this.button.textContent = on ? `❚❚ ${pause}` : `▶ ${play}`;
    if (on && this.at === this.last) this.show(0);
    if (!on && this.picture.src) this.tell(was);
  }

  tick() {
    if (!this.root.isConnected) clearInterval(this.timer);
    else if (this.at < this.last) this.show(this.at + 1);
    else this.play(false);
  }

  // A focused slider tells its own value to a screen reader; where it is not, or the film has played, this tells the
  // step.
  tell(played) {
    if (played || this.root.getRootNode().activeElement !== this.slider) this.heard.textContent = this.words;
  }

  get words() {
    const { step } = this.data.frames[this.at];
    return fill(this.data.words.at, { step, number: this.at + 1, count: this.last + 1 });
  }

  show(at) {
    this.at = at;
    this.picture.src = this.data.frames[at].picture;
    this.say();
    if (!this.slider) return;
    this.slider.value = at;
    this.slider.ariaValueText = this.now.textContent = this.words;
  }

  say() {
    const { rows, columns, frames } = this.data, [y, x] = this.over ?? [];
    const times = this.over && frames[this.at].times[y][x];
    const where = rows.length ? `${rows[y]} ← ${columns[x]}  ` : "";
    this.said.textContent = this.over ? `${where}${Number(times.toFixed(2))}×` : "";
  }
}

// Streamlit calls this at the mount and at each run: the same film goes on as it is.
const shown = new WeakMap();
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".film"), before = shown.get(root);
  if (before?.data.id === data.id) return;
  clearInterval(before?.timer);
  const last = data.frames.length - 1;
  shown.set(root, new Film(root, data, before?.last === last ? before.at : last)); // another language keeps the place
}
