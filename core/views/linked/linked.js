// The linked view: the cards under one bar. Hover previews, click locks, Escape releases; nothing here asks the server.

function add(parent, tag, className = "", properties = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(properties)) if (name === "role") element.setAttribute(name, value); else element[name] = value;
  return parent.appendChild(element);
}

function fill(template, values) { return template.replace(/\{(\w+)\}/g, (_, name) => values[name]); }

// A sentence with its values set in bold; typed text never becomes markup.
function speak(element, template, values, more = false) {
  if (!more) element.replaceChildren(); else element.append(" ");
  template.split(/(\{\w+\})/).forEach((piece) => {
    if (/^\{\w+\}$/.test(piece)) { const bold = add(element, "b"); bold.textContent = values[piece.slice(1, -1)]; bold.dir = "auto"; }
    else element.append(piece);
  });
}

// Layer x head thumbnails; a click shows that layer and that head alone.
class Overview {
  constructor(parent, view, stacks, thumbnail, card) {
    Object.assign(this, { view, stacks, thumbnail, card });
    this.root = add(parent, "div", "overview");
    this.grids = stacks.map(([title, trace]) => {
      const caption = add(this.root, "div", "caption");
      caption.textContent = fill(view.words.stack, { name: title, layers: trace.depth, heads: trace.heads });
      const canvas = add(this.root, "canvas", "", { tabIndex: 0, role: "application", ariaLabel: caption.textContent });
      canvas.onclick = (e) => this.choose(e, canvas, trace);
      canvas.onpointermove = (e) => { const [l, h] = this.cell(e, canvas, trace); canvas.title = fill(view.words.cell, { layer: trace.layers[l] + 1, head: h + 1 }); };
      canvas.onkeydown = (e) => this.move(e, trace);
      return canvas;
    });
  }

  cell(event, canvas, trace) {
    const rect = canvas.getBoundingClientRect(), inside = (at, size, n) => Math.max(0, Math.min(n - 1, Math.floor((at / size) * n)));
    return [inside(event.clientY - rect.top, rect.height, trace.layers.length), inside(event.clientX - rect.left, rect.width, trace.heads)];
  }

  choose(event, canvas, trace) {
    const [l, h] = this.cell(event, canvas, trace);
    this.select(trace, l, h);
  }

  select(trace, l, h) {
    this.card.heads.clear(); this.card.heads.add(h);
    this.view.setDepth(trace.depth > 1 ? trace.layers[l] / (trace.depth - 1) : 1);
  }

  move(event, trace) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const l = trace.at(this.view.depth) + step[0], h = Math.min(...this.card.heads) + step[1];
    if (l >= 0 && l < trace.layers.length && h >= 0 && h < trace.heads) this.select(trace, l, h);
  }

  draw(current) {
    this.current = current;
    clearTimeout(this.timer); // the picture under the pointer first, its thumbnails right after
    this.timer = setTimeout(() => this.stacks.forEach(([, trace], x) => this.drawGrid(this.grids[x], trace, current[x])), this.drawn ? 12 : 0);
    this.drawn = true;
  }

  drawGrid(canvas, trace, current) {
    const rows = this.stacks.reduce((sum, [, t]) => sum + t.layers.length, 0), gap = 2;
    const side = Math.max(14, Math.min(44, this.root.clientWidth / trace.heads, (this.view.tall - 24 * this.stacks.length) / rows)), ratio = window.devicePixelRatio || 1;
    canvas.style.width = `${side * trace.heads}px`;
    canvas.width = side * trace.heads * ratio; canvas.height = side * trace.layers.length * ratio;
    const g = canvas.getContext("2d"); g.scale(ratio, ratio); g.imageSmoothingEnabled = false;
    trace.layers.forEach((_, l) => {
      for (let h = 0; h < trace.heads; h++) {
        g.globalAlpha = this.card.heads.has(h) ? 1 : 0.35;
        g.drawImage(this.thumbnail(trace, l, h), h * side + gap / 2, l * side + gap / 2, side - gap, side - gap);
      }
    });
    g.globalAlpha = 1; g.lineWidth = 2; g.strokeStyle = this.view.accent;
    g.strokeRect(1, current * side + 1, side * trace.heads - 2, side - 2);
  }
}

class LinkedView {
  constructor(root, { header, buffer }, kept) {
    Object.assign(this, { root, id: header.id, words: header.words, options: header.options, tall: header.options.tall });
    Object.assign(this, { depth: 0.91, reversed: false, method: "mean", scale: "uniform", colours: "light", opacity: 0.85, smooth: false, merge: true, reading: "output", layout: "ribbons" }, kept);
    root.replaceChildren();
    this.bar = add(root, "div", "bar");
    this.cards = add(root, "div", header.parts.length > 1 ? "cards two" : "cards");
    this.parts = header.parts.map((part) => new { image: Picture, sentence: Sentence }[part.type](part, buffer, this));
    this.buildBar(header.parts.map((p) => p.type));
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(root);
  }

  get accent() { return getComputedStyle(this.root).getPropertyValue("--accent").trim(); }
  get kept() { const { depth, reversed, method, scale, colours, opacity, smooth, merge, reading, layout } = this; return { depth, reversed, method, scale, colours, opacity, smooth, merge, reading, layout }; }
  destroy() { this.observer.disconnect(); }

  card(title, subtitle) {
    const card = add(this.cards, "section", "card"), heading = add(card, "h2");
    heading.append(title, " "); add(heading, "small").textContent = subtitle;
    return card;
  }

  buildBar(types) {
    const { bar, words } = this, image = types.includes("image"), sentence = types.includes("sentence");
    const label = add(bar, "label"); label.append(words.depth);
    this.slider = add(label, "input", "", { type: "range", min: 0, max: 1, step: 0.01, value: this.depth });
    this.slider.oninput = () => this.setDepth(Number(this.slider.value));
    this.layers = add(label, "span", "layers");
    this.choice("reversed", [[false, words.looks_at], [true, words.looked_at]]);
    this.select("method", words.method, ["mean", "max", "value"]);
    if (sentence) {
      this.toggle("merge", words.merge);
      this.choice("layout", [["ribbons", words.ribbons], ["matrix", words.matrix]]);
    }
    const more = add(bar, "details", "more"); add(more, "summary").textContent = words.more;
    this.drawer = add(more, "div", "drawer");
    this.select("scale", words.scale, ["uniform", "raw", "rescaled"]);
    this.select("colours", words.colours, Object.keys(RAMPS));
    if (image) this.pictureControls();
    if (sentence) this.select("reading", words.reading, ["output", "input"]);
    this.drawer = null;
    const scale = add(bar, "div", "scale");
    this.low = add(scale, "span"); this.ramp = add(scale, "canvas", "", { width: 160, height: 12 }); this.high = add(scale, "span");
    this.scaleName = add(scale, "span");
  }

  pictureControls() {
    const label = add(this.drawer, "label"); label.append(this.words.opacity);
    const slider = add(label, "input", "short", { type: "range", min: 0, max: 1, step: 0.05, value: this.opacity });
    slider.oninput = () => this.set("opacity", Number(slider.value));
    this.toggle("smooth", this.words.smooth);
  }

  set(name, value) { this[name] = value; this.draw(); }
  setDepth(depth) { this.depth = depth; this.slider.value = depth; this.draw(); }

  choice(name, options) {
    const group = add(this.bar, "div", "choice", { role: "group" });
    options.forEach(([value, text]) => {
      const button = add(group, "button"); button.textContent = text; button.setAttribute("aria-pressed", this[name] === value);
      button.onclick = () => { [...group.children].forEach((b) => b.setAttribute("aria-pressed", b === button)); this.set(name, value); };
    });
  }

  select(name, title, values) {
    const label = add(this.drawer ?? this.bar, "label"), select = (label.append(title), add(label, "select"));
    values.forEach((value) => { const option = add(select, "option", "", { value }); option.textContent = this.words[`${name}_${value}`]; });
    select.value = this[name]; select.onchange = () => this.set(name, select.value);
  }

  toggle(name, title) {
    const label = add(this.drawer ?? this.bar, "label"), box = add(label, "input", "", { type: "checkbox", checked: this[name] });
    label.append(title); box.onchange = () => this.set(name, box.checked);
  }

  // Click toggles a head, double click leaves it alone; the last one stays on.
  chipsInto(parent, heads, count) {
    if (!parent.children.length) {
      parent.append(this.words.heads);
      for (let h = 0; h < count; h++) {
        const chip = add(parent, "button", "chip"); chip.textContent = h + 1; chip.title = this.words.chip_hint;
        chip.onclick = () => { if (!heads.has(h)) heads.add(h); else if (heads.size > 1) heads.delete(h); this.draw(); };
        chip.ondblclick = () => { heads.clear(); heads.add(h); this.draw(); };
      }
      const all = add(parent, "button", "chip all"); all.textContent = this.words.all_heads;
      all.onclick = () => { for (let h = 0; h < count; h++) heads.add(h); this.draw(); };
    }
    [...parent.querySelectorAll(".chip:not(.all)")].forEach((chip, h) => chip.setAttribute("aria-pressed", heads.has(h)));
  }

  draw() { this.frame ??= requestAnimationFrame(() => { this.frame = null; this.drawNow(); }); }

  drawNow() {
    this.layers.textContent = this.parts.flatMap((part) => part.overview.stacks).map(([name, trace]) => `${name} ${trace.layers[trace.at(this.depth)] + 1}/${trace.depth}`).join(", ");
    const g = this.ramp.getContext("2d");
    for (let x = 0; x < 160; x++) { g.fillStyle = `rgb(${colourAt(this.colours, x / 159)})`; g.fillRect(x, 0, 1, 12); }
    [this.low.textContent, this.high.textContent] = { uniform: ["⅛×", "64×"], raw: ["0%", "100%"], rescaled: [this.words.smallest, this.words.largest] }[this.scale];
    this.scaleName.textContent = this.words[`scale_${this.scale}`];
    this.parts.forEach((part) => part.draw());
  }
}

// Streamlit calls this at the mount and at each change of data; what the person chose stays.
const mounted = new WeakMap();
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".sidelight"), before = mounted.get(root), unpacked = unpack(data);
  if (before?.id === unpacked.header.id) return;
  before?.destroy();
  root.view = new LinkedView(root, unpacked, before?.kept);
  mounted.set(root, root.view);
}
