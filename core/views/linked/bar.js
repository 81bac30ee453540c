// The slim bar over the film: what is played, where it stands, the scale, the direction, and the drawers.

import { add, parted } from "./dom.js";
import { Display } from "./display.js";
import { Legend } from "./legend.js";

export class Bar {
  constructor(view, root) {
    const { words } = view;
    Object.assign(this, { view, root });
    this.play = add(root, "button", "tool play", { type: "button" });
    this.play.onclick = () => view.film.play();
    this.playing(false);
    this.where = add(root, "span", "layers");
    this.short = add(root, "span", "layer", { ariaHidden: true });
    this.legend = new Legend(view, add(root, "div", "legend"));
    const group = add(root, "div", "choice", { role: "group" });
    this.sides = [false, true].map((value) => {
      const button = add(group, "button", "", { type: "button", textContent: words[value ? "looked_at" : "looks_at"] });
      button.onclick = () => view.set("turned", value);
      return { value, button };
    });
    if (view.header.pins && !view.header.before) {
      this.pin = this.tool(words.pin, () => view.togglePin(), "A|B");
      this.pin.title = words.pin_long;
    }
    this.heads = this.tool(words.heads, () => view.film.unfold(!view.unfolded), "▤");
    this.grid = this.tool(words.layers_heads, () => this.only(view.overview), "▦");
    this.more = this.tool(words.more, () => this.only(this.display), "⋯");
    this.display = new Display(view, view.foot, this.more);
  }

  playing(is) {
    this.play.classList.toggle("on", is);
    this.play.ariaLabel = this.play.title = this.view.words[is ? "stop" : "play"];
  }

  // Of the two drawers one is open, as they would lie over each other.
  only(drawer) {
    for (const other of [this.view.overview, this.display])
      if (other !== drawer && !other.root.hidden) other.toggle(false);
    drawer.toggle();
  }

  // sign: what stands for the text where there is little room.
  tool(text, run, sign) {
    const button = add(this.root, "button", sign ? "tool short" : "tool", { type: "button", textContent: text });
    if (sign) {
      button.dataset.sign = sign;
      button.title = text; // where the sign stands alone
    }
    button.onclick = run;
    return button;
  }

  // Nothing is written while a pointer only moves: what is written is laid out again.
  draw() {
    const { view } = this,
      parts = view.cards.flatMap((card) => card.where.split(" · ")), // two cards of a kind have the same
      where = [...new Set(parts)].join(" · "),
      { at, length } = view.film,
      now = [where, at, length, view.turned, view.unfolded, view.pin !== null, view.overview.open].join();
    this.legend.draw();
    if (this.drawn === now) return;
    this.drawn = now;
    for (const { value, button } of this.sides) button.setAttribute("aria-pressed", view.turned === value);
    this.heads.setAttribute("aria-pressed", view.unfolded);
    this.pin?.setAttribute("aria-pressed", view.pin !== null);
    this.grid.setAttribute("aria-expanded", view.overview.open);
    parted(this.where, where);
    this.short.textContent = `${at + 1}/${length}`;
  }
}
