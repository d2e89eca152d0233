// Twelve test images and what each network takes them for.

import { CanvasChart } from "./canvas.js";
import { percent } from "./format.js";

/** Twelve test images; beside each, every arm's answer with a tick or a cross. */
export class Digits extends CanvasChart {
  paint(ctx, width, height) {
    const { images } = this.app.meta;
    const total = images.labels.length;
    const across = width > 330 ? 4 : 3;
    const down = Math.ceil(total / across);
    this.cell = { w: width / across, h: height / down, across };
    const side = Math.min(this.cell.h - 8, this.cell.w * 0.48, 64);
    for (let index = 0; index < total; index += 1) this.paintImage(ctx, index, side);
  }

  paintImage(ctx, index, side) {
    const { app, cell } = this;
    const x = (index % cell.across) * cell.w + 2;
    const y = Math.floor(index / cell.across) * cell.h + (cell.h - side) / 2;
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(this.bitmap(index), x, y, side, side);
    const arms = app.store.arms.length;
    const pitch = Math.min(18, side / arms);
    app.store.arms.forEach((history, arm) => {
      const answer = this.answer(history, index);
      if (!answer) return;
      const { name, right } = answer;
      const middle = y + side / 2 + (arm - (arms - 1) / 2) * pitch;
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      ctx.fillStyle = app.theme.arms[arm % 4];
      ctx.globalAlpha = right ? 1 : 0.85;
      ctx.font = `${right ? 600 : 400} ${pitch > 15 ? 13 : 11}px ${app.theme.font}`;
      ctx.fillText(`${name} ${right ? "✓" : "✗"}`, x + side + 6, middle);
      ctx.globalAlpha = 1;
    });
  }

  /** What a network takes an image for; nothing before its first snapshot, "?" where its numbers are none. */
  answer(history, index) {
    const { classes, images } = this.app.meta;
    const predictions = history.sparse.predictions.at(this.app.shown);
    if (!predictions) return null;
    const sure = history.sparse.confidences.at(this.app.shown)[index];
    if (!Number.isFinite(sure)) return { name: "?", sure, right: false };
    return { name: classes[predictions[index]], sure, right: predictions[index] === images.labels[index] };
  }

  bitmap(index) {
    const { images } = this.app.meta;
    const key = `${this.app.store.generation} ${this.app.theme.dark}`;
    if (this.bitmapKey !== key) {
      this.bitmapKey = key;
      this.bitmaps = [];
    }
    this.bitmaps[index] ??= drawDigit(images, index, this.app.theme);
    return this.bitmaps[index];
  }

  describe(px, py) {
    if (!this.cell) return null;
    const index = Math.floor(py / this.cell.h) * this.cell.across + Math.floor(px / this.cell.w);
    const { images, classes, arms } = this.app.meta;
    if (!(index >= 0 && index < images.labels.length)) return null;
    const rows = this.app.store.arms.map((history, arm) => {
      const answer = this.answer(history, index);
      return [
        arms[arm].name,
        answer ? `${answer.name}, ${percent(answer.sure, 1)} sure` : "–",
        this.app.theme.arms[arm % 4],
      ];
    });
    return { title: `test image ${index + 1}, a ${classes[images.labels[index]]}`, rows };
  }

  summary() {
    const { images, arms } = this.app.meta;
    return this.app.store.arms
      .map((history, arm) => {
        const right = images.labels.filter((_, index) => this.answer(history, index)?.right).length;
        return `${arms[arm].name}: ${right} of ${images.labels.length} test images right.`;
      })
      .join(" ");
  }
}

function drawDigit({ width, height, pixels }, index, theme) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const most = Math.max(1, ...pixels[index]);
  pixels[index].forEach((value, cell) => {
    const strength = 0.06 + 0.86 * (value / most);
    for (let part = 0; part < 3; part += 1)
      image.data[cell * 4 + part] = theme.background[part] + (theme.text[part] - theme.background[part]) * strength;
    image.data[cell * 4 + 3] = 255;
  });
  context.putImageData(image, 0, 0);
  return canvas;
}
