// What cards of words share: pieces as buttons, single or merged to words, their light, and the thumbnail of a head.

import { add, percent } from "./dom.js";
import { colourAt, hueOf, scaled, tinted, topMass } from "./colour.js";
import { Card } from "./card.js";

export class Words extends Card {
  // Positions -> what is shown: single pieces, or the pieces of a word together.
  groups(axis) {
    if (!this.view.merge) return axis.pieces.map((_, i) => [i]);
    const groups = [];
    axis.words.forEach((word, i) => {
      (groups[word] ??= []).push(i);
    });
    return groups;
  }

  text(axis, group) {
    const pieces = group.map((x) => axis.pieces[x]).join(""),
      text = pieces.replaceAll("\ufffd", "") || pieces; // half characters, where the whole is there
    return text === "</s>" ? this.view.words.end_mark : text || "▁";
  }

  // One button a group. at: a group's number -> its position as text; move: what a key does there.
  fillWith(parent, axis, groups, at, move) {
    parent.replaceChildren();
    groups.forEach((group, i) => {
      const word = add(parent, "button", axis.special[group[0]] ? "word mark" : "word", {
        textContent: this.text(axis, group),
        dir: "auto",
      });
      word.onpointerenter = (e) => {
        if (e.pointerType !== "touch") this.preview(at(i));
      };
      word.onfocus = () => {
        if (word.matches(":focus-visible")) this.lock(at(i));
      }; // by key; a pointer's click comes with its own event
      word.onclick = (e) => {
        if (e.detail) this.toggleLock(at(i));
        else this.lock(at(i));
      };
      word.onkeydown = (e) => move(e, i);
    });
  }

  // Mean over query pieces, sum over key pieces: what a group looks at, over key groups, and their even shares.
  look(trace, l, rows, keyGroups, heads = this.headsOf(trace)) {
    const weights = new Float32Array(keyGroups.length),
      shares = new Float32Array(keyGroups.length);
    for (const i of rows) {
      const row = trace.rowOf(l, heads, i, this.view.method),
        share = trace.share(l, i) / rows.length;
      keyGroups.forEach((group, x) => {
        for (const j of group) {
          weights[x] += row[j] / rows.length;
          if (trace.seen(l, i, j)) shares[x] += share;
        }
      });
    }
    return { weights, shares };
  }

  // Who looks at a group: sum over its pieces, mean over those of the group that looks, and their even shares.
  lookedAt(trace, l, keys, rowGroups, heads = this.headsOf(trace)) {
    const all = new Float32Array(trace.queries),
      even = new Float32Array(trace.queries);
    for (const j of keys) {
      trace.columnOf(l, heads, j, this.view.method).forEach((w, i) => {
        all[i] += w;
        even[i] += trace.shareOf(l, i, j);
      });
    }
    const mean = (values) =>
      Float32Array.from(rowGroups, (group) => {
        return group.length ? group.reduce((sum, i) => sum + values[i], 0) / group.length : 0;
      });
    return { weights: mean(all), shares: mean(even) };
  }

  // parent: the words' buttons. own: whether a group is the query.
  shade(parent, { weights, shares }, own, tints) {
    const { t } = scaled(
        weights,
        Array.from(shares, (s) => s || 1),
        this.view.scale,
      ),
      kept = topMass(weights, this.view.keep);
    [...parent.children].forEach((word, i) => {
      const asks = own(i),
        unseen = !shares[i] && !asks,
        dark = asks || unseen || !kept[i];
      word.classList.toggle("query", asks);
      word.classList.toggle("unseen", unseen);
      word.style.setProperty("--light", dark ? 0 : Math.max(0, (t[i] - 1 / 3) * 1.5).toFixed(3));
      word.style.setProperty(
        "--fade",
        asks ? 1 : unseen ? 0.3 : !kept[i] ? 0.45 : (0.45 + 0.55 * Math.min(1, t[i] * 3)).toFixed(3),
      );
      if (tints) word.style.setProperty("--tint", `rgb(${tints[i]})`);
      else word.style.removeProperty("--tint");
      word.title = asks ? "" : percent(weights[i], 1);
      word.setAttribute("aria-pressed", asks);
      word.tabIndex = asks ? 0 : -1; // one stop for Tab, from which the arrow keys lead on
    });
  }

  thumbnail(trace, l, h) {
    const canvas = document.createElement("canvas"),
      image = new ImageData(trace.keys, trace.queries),
      { view } = this,
      hue = hueOf(h, this.count);
    canvas.width = trace.keys;
    canvas.height = trace.queries;
    for (let i = 0; i < trace.queries; i++) {
      const { t } = scaled(trace.row(l, h, i), Array(trace.keys).fill(trace.share(l, i)), view.scale);
      for (let j = 0; j < trace.keys; j++)
        if (trace.open(l, i, j))
          image.data.set(
            [...(view.hues ? tinted(hue, t[j]) : colourAt(view.colours, t[j])), 255],
            (i * trace.keys + j) * 4,
          );
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }
}
