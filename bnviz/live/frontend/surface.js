// The decision surface of two-dimensional data, one map per network, the data points over it.

import { CanvasChart } from "./canvas.js";
import { percent } from "./format.js";
import { alpha } from "./theme.js";
import { clip } from "./timepanels.js";

const GRID = 32;

/** One square map per arm, confidence as strength of colour, the data points over it. */
export class Surface extends CanvasChart {
  paint(ctx, width, height) {
    const { app } = this;
    const arms = app.store.arms.length;
    const room = height - 24;
    const across = bestAcross(arms, width, room);
    const down = Math.ceil(arms / across);
    const side = Math.max(20, Math.floor(Math.min((width - 8 * (across - 1)) / across, (room - 20 * down) / down)));
    const left = Math.max(0, (width - across * side - 8 * (across - 1)) / 2);
    this.boxes = app.store.arms.map((_, arm) => ({
      x: left + (arm % across) * (side + 8),
      y: 18 + Math.floor(arm / across) * (side + 20),
      side,
    }));
    this.boxes.forEach((box, arm) => this.paintArm(ctx, box, arm));
    this.paintLegend(ctx, left, this.boxes[arms - 1].y + side + 14, width - left);
  }

  paintLegend(ctx, left, y, room) {
    const { theme, meta } = this.app;
    ctx.font = `10.5px ${theme.font}`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    let x = left + 4;
    meta.classes.forEach((name, label) => {
      ctx.fillStyle = alpha(theme.classes[label % theme.classes.length], 1);
      ctx.beginPath();
      point(ctx, label, x, y, 3.5);
      ctx.fill();
      ctx.fillStyle = theme.muted;
      const text = clip(ctx, `class ${name}`.replace("class class", "class"), room / meta.classes.length - 22);
      ctx.fillText(text, x + 8, y);
      x += ctx.measureText(text).width + 22;
    });
    const hint = "stronger colour: more confident";
    if (x + ctx.measureText(hint).width < left + room) ctx.fillText(hint, x, y);
  }

  paintArm(ctx, box, arm) {
    const { app } = this;
    ctx.font = `600 11.5px ${app.theme.font}`;
    ctx.fillStyle = app.theme.arms[arm % 4];
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.fillText(clip(ctx, app.meta.arms[arm].name, box.side), box.x, box.y - 5);
    const cells = app.store.arms[arm].sparse.surface.at(app.shown);
    if (cells) {
      ctx.imageSmoothingEnabled = true;
      ctx.drawImage(this.raster(cells, arm), box.x, box.y, box.side, box.side);
    }
    this.paintPoints(ctx, box);
    ctx.strokeStyle = app.theme.axis;
    ctx.strokeRect(box.x + 0.5, box.y + 0.5, box.side - 1, box.side - 1);
  }

  /** The map as a small bitmap, made anew only when another map or theme is shown. */
  raster(cells, arm) {
    this.rasters ??= [];
    const raster = (this.rasters[arm] ??= {
      canvas: Object.assign(document.createElement("canvas"), { width: GRID, height: GRID }),
      cells: new Uint8Array(GRID * GRID),
    });
    const { theme } = this.app;
    if (raster.theme === theme && raster.cells.every((cell, index) => cell === cells[index])) return raster.canvas;
    raster.theme = theme;
    raster.cells.set(cells);
    this.paintRaster(raster.canvas, cells);
    return raster.canvas;
  }

  paintRaster(canvas, cells) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(GRID, GRID);
    const { classes, background } = this.app.theme;
    for (let cell = 0; cell < GRID * GRID; cell += 1) {
      const colour = classes[(cells[cell] >> 6) % classes.length];
      const sure = (cells[cell] & 63) / 63;
      const strength = sure && 0.12 + 0.6 * sure ** 1.5; // 0: the network's numbers are none
      const target = ((GRID - 1 - (cell >> 5)) * GRID + (cell & 31)) * 4;
      for (let part = 0; part < 3; part += 1)
        image.data[target + part] = background[part] + (colour[part] - background[part]) * strength;
      image.data[target + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  /** The points do not move: they are drawn once a size and theme, then stamped. */
  paintPoints(ctx, box) {
    const { points } = this.app.meta;
    const key = `${box.side} ${this.ratio} ${this.app.theme.dark} ${this.app.store.generation}`;
    if (this.stampKey !== key) {
      this.stampKey = key;
      this.stamp = this.drawPoints(points, box.side);
    }
    ctx.drawImage(this.stamp, box.x, box.y, box.side, box.side);
  }

  drawPoints({ x, y, label, bounds }, side) {
    const size = Math.round(side * this.ratio);
    const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const ctx = canvas.getContext("2d");
    ctx.scale(this.ratio, this.ratio);
    const { classes, background } = this.app.theme;
    ctx.strokeStyle = alpha(background, 0.9);
    const radius = side > 160 ? 2.1 : 1.6;
    x.forEach((value, index) => {
      const px = ((value - bounds[0]) / (bounds[1] - bounds[0])) * side;
      const py = side - ((y[index] - bounds[2]) / (bounds[3] - bounds[2])) * side;
      ctx.fillStyle = alpha(classes[label[index] % classes.length], 1);
      ctx.beginPath();
      point(ctx, label[index], px, py, radius);
      ctx.lineWidth = 0.6;
      ctx.fill();
      ctx.stroke();
    });
    return canvas;
  }

  describe(px, py) {
    const arm =
      this.boxes?.findIndex((box) => px >= box.x && px < box.x + box.side && py >= box.y && py < box.y + box.side) ??
      -1;
    const cells = this.app.store.arms[arm]?.sparse.surface.at(this.app.shown);
    if (!cells) return null;
    const box = this.boxes[arm];
    const column = Math.floor(((px - box.x) / box.side) * GRID);
    const row = GRID - 1 - Math.floor(((py - box.y) / box.side) * GRID);
    const cell = cells[row * GRID + column];
    const { bounds } = this.app.meta.points;
    const place = [
      bounds[0] + ((column + 0.5) / GRID) * (bounds[1] - bounds[0]),
      bounds[2] + ((row + 0.5) / GRID) * (bounds[3] - bounds[2]),
    ];
    return {
      title: this.app.meta.arms[arm].name,
      rows: [
        ["at", place.map((value) => value.toFixed(2)).join(", ")],
        ["predicts", cell & 63 ? this.app.meta.classes[cell >> 6] : "nothing: not a number"],
        ["confidence", percent(cell & 63 ? (cell & 63) / 63 : NaN, 0)],
      ],
    };
  }

  summary() {
    return accuracySummary(this.app, "Decision surface");
  }
}

function point(ctx, label, x, y, size) {
  if (label % 3 === 0) ctx.arc(x, y, size, 0, 2 * Math.PI);
  else if (label % 3 === 1) ctx.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  else {
    ctx.moveTo(x, y - size * 1.3);
    ctx.lineTo(x + size * 1.2, y + size);
    ctx.lineTo(x - size * 1.2, y + size);
    ctx.closePath();
  }
}

function bestAcross(arms, width, height) {
  const size = (across) => Math.min((width - 8 * (across - 1)) / across, height / Math.ceil(arms / across) - 20);
  return [1, 2, 3, 4]
    .filter((across) => across <= arms)
    .reduce((best, across) => (size(across) > size(best) ? across : best), 1);
}

function accuracySummary(app, title) {
  return `${title}. ${app.store.arms.map((history, arm) => `${app.meta.arms[arm].name}: test accuracy ${percent(history.value("test_accuracy", history.index(app.shown)))}.`).join(" ")}`;
}
