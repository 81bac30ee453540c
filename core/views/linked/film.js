// The film: of each card one frame a layer for what is asked now, in step by depth. Drag scrubs, play walks, a key is
// one layer. The heads of the layer unfold as a second strip. Where a column of the page is its own, the frames stand
// in as many lines as make them largest.

import { add, fill } from "./dom.js";

const TALL = 64, // px of a photo's frame at most
  NUMBER = 15, // px below the frames, where there is room for numbers
  BETWEEN = 3;
const PACE = 700; // ms a layer, when it plays
const LATEST = 100, // ms that work waits at most for a moment in which nothing else is to be done,
  SLICE = 6; // and ms that are worked then
const DIM = "#9b978f";

export class Film {
  constructor(view, place) {
    Object.assign(this, { view, timer: null, tasks: [], room: 0, lines: 1 });
    this.heads = add(place, "div", "heads", { hidden: true });
    this.strip = add(place, "div", "strip", { tabIndex: 0, role: "slider", ariaLabel: view.words.depth });
    this.reels = view.cards.map((card) => {
      const root = add(this.strip, "div", "reel");
      return { card, canvas: add(root, "canvas"), now: add(root, "div", "now") };
    });
    this.groups = view.cards.map((card) => this.group(card));
    this.strip.onpointerdown = (e) => {
      this.stop();
      this.strip.setPointerCapture(e.pointerId);
      this.dragging = true;
      this.scrub(e);
    };
    this.strip.onpointermove = (e) => this.dragging && this.scrub(e);
    this.strip.onpointerup = this.strip.onpointercancel = () => {
      this.dragging = false;
      view.settle();
    };
    this.strip.onkeydown = (e) => this.key(e);
  }

  // How many places the film has: the layers of the deepest card.
  get length() {
    return Math.max(...this.view.cards.map((card) => card.lead.trace.depth));
  }
  get at() {
    return Math.round(this.view.depth * (this.length - 1));
  }
  go(place) {
    const last = this.length - 1;
    this.view.setDepth(last ? Math.max(0, Math.min(last, place)) / last : 1);
  }
  step(by) {
    this.stop();
    this.go(this.at + by);
    this.view.settle();
  }
  scrub(event) {
    const { left, top, width, height } = this.strip.getBoundingClientRect(),
      { lines, columns } = this,
      within = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count))),
      line = within((event.clientY - top) / height, lines);
    this.go(line * columns + within((event.clientX - left) / width, columns));
  }
  key(event) {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, Home: -this.length, End: this.length };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.step(steps[event.key]);
  }

  // From the first layer to the one that is shown, or to the last.
  play() {
    if (this.timer) return this.stop();
    const end = this.at < 2 ? this.length - 1 : this.at;
    this.go(0);
    this.view.bar.playing(true);
    this.timer = setInterval(() => {
      this.go(this.at + 1);
      if (this.at >= end) this.stop();
    }, PACE);
  }
  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    this.view.bar.playing(false);
    this.view.settle();
  }

  unfold(open) {
    this.view.unfolded = open;
    this.heads.hidden = !open;
    this.view.moved(true);
  }

  // The heads of a card: hovering shows one alone, a click leaves it so, once more brings back all; with Shift, or
  // while several are chosen, each goes on and off by itself.
  group(card) {
    const { words } = this.view,
      root = add(this.heads, "div", "group", { role: "group" }),
      name = add(root, "h3"),
      row = add(root, "div", "frames"),
      several = this.several(root);
    const all = Array.from({ length: card.count }, (_, h) => {
      const button = add(row, "button", "head", { type: "button", title: words.head_hint }),
        canvas = add(button, "canvas");
      button.append(String(h + 1));
      button.setAttribute("aria-label", fill(words.head, { head: h + 1 }));
      button.onclick = (e) => (e.shiftKey || several.ariaPressed === "true" ? card.toggleHead(h) : card.solo(h));
      button.onpointerenter = (e) => {
        if (e.pointerType !== "touch") this.view.glance({ card, heads: [h] });
      };
      button.onpointerleave = () => this.view.glance(null);
      return { button, canvas };
    });
    const every = add(root, "button", "tool all", { type: "button", textContent: words.all_heads });
    every.onclick = () => card.chooseHeads(new Set(Array(card.count).keys()));
    return { card, name, row, all };
  }

  // A switch for whoever has no Shift to hold.
  several(root) {
    const { several, several_long: title } = this.view.words,
      button = add(root, "button", "tool", { type: "button", textContent: several, title, ariaPressed: "false" });
    button.onclick = () => (button.ariaPressed = String(button.ariaPressed !== "true"));
    return button;
  }

  fill(room) {
    this.room = room;
    this.place();
  }
  get columns() {
    return Math.ceil(this.length / this.lines);
  }

  // How high everything is, before the pictures get what is left. `room`: px of height that one card's frames may fill.
  place() {
    const { view, room } = this,
      width = this.strip.clientWidth,
      most = Math.min(TALL, window.innerHeight * 0.075);
    this.heads.hidden = !view.unfolded;
    this.number = ["narrow", "pinned"].some((name) => view.root.classList.contains(name)) ? 0 : NUMBER;
    const around = this.number + 2 * BETWEEN,
      heightIn = (lines, card) =>
        card.glimpseHeight(
          width / Math.ceil(this.length / lines) - 2 * BETWEEN,
          lines > 1 ? Math.floor(room / lines) - around : Math.max(most, room - around),
        );
    const counts = Array.from({ length: room ? this.length : 1 }, (_, x) => x + 1);
    this.lines = counts.reduce((a, b) => (heightIn(b, view.cards[0]) > heightIn(a, view.cards[0]) ? b : a));
    this.heights = view.cards.map((card) => heightIn(this.lines, card));
    view.root.classList.toggle("tall", this.lines > 1);
    this.reels.forEach(({ canvas }, x) => {
      canvas.style.height = `${this.lines * (this.heights[x] + around)}px`;
    });
    for (const { card, row, all } of this.groups) {
      const wide = Math.min(120, row.clientWidth / card.count - 8);
      for (const { canvas } of all) {
        canvas.style.width = `${wide}px`;
        canvas.style.height = `${card.glimpseHeight(wide, 56)}px`;
      }
    }
  }

  draw() {
    const { view } = this,
      { length, at } = this,
      before = this.tasks;
    this.tasks = [];
    for (const reel of this.reels) this.draft(reel, length, before);
    this.strip.ariaValueMin = 1;
    this.strip.ariaValueMax = length;
    this.strip.ariaValueNow = at + 1;
    this.strip.ariaValueText = view.bar.where.textContent;
    if (view.unfolded) for (const group of this.groups) this.draftHeads(group, before);
    this.work();
  }

  // While nothing else is to be done, so that the pointer never waits for the film.
  work() {
    if (!this.tasks.length) return;
    this.next ??= whenIdle((rest) => {
      this.next = null;
      const until = performance.now() + Math.max(rest, 1);
      while (this.tasks.length && performance.now() < until) this.tasks.shift().run();
      this.work();
    });
  }

  // What is to be done for a canvas until it shows a state; what has been begun for it goes on.
  plan(canvas, state, before, tasks) {
    if (canvas.drawn === state) return;
    const begun = canvas.planned === state ? before.filter((one) => one.canvas === canvas) : [];
    canvas.planned = state;
    const last = { canvas, run: () => (canvas.drawn = state) };
    this.tasks.push(...(begun.length ? begun : [...tasks().map((run) => ({ canvas, run })), last]));
  }

  // The places of the film that show each layer: [{ n, x, y, wide }] in pixels. tall: of a line.
  slots(trace, length, width, tall) {
    const { columns } = this,
      slot = width / columns,
      shown = Array.from({ length }, (_, p) => trace.wanted(length > 1 ? p / (length - 1) : 1)),
      layers = [...new Set(shown)];
    return layers.map((n) => ({
      n,
      x: (shown.indexOf(n) % columns) * slot + BETWEEN,
      y: Math.floor(shown.indexOf(n) / columns) * tall + BETWEEN,
      wide: Math.min(columns, shown.filter((one) => one === n).length) * slot - 2 * BETWEEN,
    }));
  }

  // The frames of a card, those near the layer that is shown first; a box goes with the layer.
  draft({ card, canvas, now }, length, before) {
    const { trace, name } = card.lead,
      line = canvas.clientHeight / this.lines,
      slots = this.slots(trace, length, canvas.clientWidth, line),
      tall = line - this.number - 2 * BETWEEN,
      here = slots.findIndex(({ n }) => n === trace.wanted(card.depth)),
      called = (n) => (trace.depth < length ? `${this.view.words[name]} ${n + 1}` : String(n + 1));
    const { x: left, wide } = boxAround(card, slots[here], tall);
    Object.assign(now.style, {
      left: `${left}px`,
      width: `${wide}px`,
      top: `${slots[here].y - 1}px`,
      height: `${tall + 2}px`,
    });
    now.dataset.name = this.number ? called(slots[here].n) : "";
    const state = [card.state(0), length, canvas.clientWidth, canvas.clientHeight, this.lines].join(" ");
    this.plan(canvas, state, before, () => {
      const { g, ratio, font } = sized(canvas),
        order = [...slots].sort((a, b) => Math.abs(a.n - slots[here].n) - Math.abs(b.n - slots[here].n));
      g.textAlign = "center";
      g.font = `11.5px ${font}`;
      return order.map(({ n, x, y, wide: room }) => () => {
        g.clearRect(x - BETWEEN, y - BETWEEN, room + 2 * BETWEEN, line);
        const depth = trace.depth > 1 ? n / (trace.depth - 1) : 1;
        if (trace.layers.includes(n)) card.glimpse(g, [x, y, room, tall], ratio, depth);
        else nothing(g, x, y, room, tall);
        g.fillStyle = DIM;
        if (this.number) g.fillText(called(n), x + room / 2, y + tall + BETWEEN + this.number - 4);
      });
    });
  }

  draftHeads({ card, name, all }, before) {
    const { trace } = card.lead;
    name.textContent = fill(this.view.words.heads_of, {
      name: this.view.words[card.lead.name],
      layer: trace.layers[trace.at(card.depth)] + 1,
    });
    all.forEach(({ button, canvas }, h) => {
      button.hidden = h >= trace.heads;
      button.setAttribute("aria-pressed", card.heads.has(h));
      if (button.hidden || this.view.peek?.card === card) return;
      this.plan(canvas, `${card.state()} ${canvas.clientWidth}`, before, () => [
        () => {
          const { g, ratio, width, height } = sized(canvas);
          g.clearRect(0, 0, width, height);
          card.glimpse(g, [0, 0, width, height], ratio, card.depth, [h]);
        },
      ]);
    });
  }
}

// run: is given the milliseconds that it has.
function whenIdle(run) {
  if (!window.requestIdleCallback) return setTimeout(() => run(SLICE), 16); // Safari
  return requestIdleCallback((moment) => run(moment.didTimeout ? SLICE : moment.timeRemaining()), { timeout: LATEST });
}

// A canvas as large as it is on the screen; what it shows stays while its size does. Drawn on it is in screen pixels.
export function sized(canvas) {
  const ratio = Math.min(2, window.devicePixelRatio || 1),
    [width, height] = [canvas.clientWidth, canvas.clientHeight],
    g = canvas.getContext("2d"),
    size = [width, height].map((side) => Math.max(1, Math.round(side * ratio)));
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { g, ratio, width, height, font: getComputedStyle(canvas).fontFamily };
}

// The box around a frame: as wide as its picture.
function boxAround(card, { x, wide }, height) {
  const grid = card.axes.find(({ shape }) => shape === "grid"),
    narrow = grid && !card.reading ? Math.min(wide, height * grid.ratio) : wide;
  return { x: x + (wide - narrow) / 2 - 1, wide: narrow + 2 };
}

// A layer that has not been sent: it comes when it is asked for.
function nothing(g, x, y, width, height) {
  g.fillStyle = "#232427";
  g.fillRect(x, y, width, height);
  g.strokeStyle = "#3f4044";
  g.lineWidth = 1;
  g.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
}
