// Pooled keys: a coarser grid over the photo of the patches that read it. A patch that asks lights its cells; turned
// round, a patch stands for the cell that it lies in.

import { Grid } from "./grid.js";
import { drawMarks, marksOf } from "./marked.js";

export class Pooled extends Grid {
  stand() {
    this.over = this.card.axes.find(({ shape }) => shape === "grid");
    this.shape = "grid";
    const { canvas, frame, box } = this.over;
    Object.assign(this, { canvas, frame, box });
  }
  get daylight() {
    return this.over.daylight;
  }
  get digest() {
    return this.over.digest;
  }
  get width() {
    return this.over.width;
  }
  get height() {
    return this.over.height;
  }

  // The cell that a patch of the finer grid lies in.
  holding(i) {
    const { row, column } = this.over.place(i),
      [rows, columns] = this.meta.grid,
      [fineRows, fineColumns] = this.over.meta.grid;
    if (!this.over.isPatch(i)) return Math.min(i, this.groups.length - 1);
    return (
      this.patches[0] +
      Math.floor(((row - 0.5) * rows) / fineRows) * columns +
      Math.floor(((column - 0.5) * columns) / fineColumns)
    );
  }

  draw(light, tints) {
    if (!light) {
      this.lit = null;
      return;
    }
    super.draw(light, tints, null);
    const { width, height, over } = this,
      size = [width, height],
      nothing = new Float32Array(over.patches[1] - over.patches[0]);
    drawMarks(
      this.canvas.getContext("2d"),
      marksOf(over.within(width, height), nothing, nothing, over.litAsked, size),
      size,
    );
  }
  drawBoxes() {}
}
