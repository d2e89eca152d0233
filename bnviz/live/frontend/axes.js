// Plain axes on canvas: scales, ticks, labels, hairlines.

import { power, tick } from "./format.js";

/** A round step that divides `span` into about `wanted` parts. */
export function roundStep(span, wanted) {
  const raw = span / Math.max(1, wanted);
  const unit = 10 ** Math.floor(Math.log10(raw));
  return unit * [1, 2, 5, 10].find((factor) => factor * unit >= raw * 0.999);
}

/** About `wanted` round numbers within [low, high]. */
export function roundTicks(low, high, wanted) {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const step = roundStep(span, wanted);
  const first = Math.ceil(low / step - 1e-9);
  const ticks = [];
  for (let k = first; k * step <= high + step * 1e-9; k += 1) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

/** Widen [low, high] to round numbers, so that an axis does not tremble while data grow. */
export function roundRange(low, high, wanted = 4) {
  if (!(high > low)) {
    const pad = Math.abs(low) * 0.1 || 1;
    return [low - pad, high + pad];
  }
  const step = roundStep(high - low, wanted) / 2;
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step];
}

/** A linear scale from [low, high] to pixels [from, to]. */
export function linear(low, high, from, to) {
  const slope = (to - from) / (high - low || 1);
  const scale = (value) => from + (value - low) * slope;
  return Object.assign(scale, { low, high, from, to, invert: (pixel) => low + (pixel - from) / slope });
}

/** A frame with ticks: `box` {x, y, w, h}; `x`, `y` {scale, ticks, format, label, hide}. */
export function drawAxes(ctx, theme, box, { x, y }) {
  ctx.font = `10.5px ${theme.font}`;
  ctx.lineWidth = 1;
  if (y) drawVertical(ctx, theme, box, y);
  if (x) drawHorizontal(ctx, theme, box, x);
}

function drawVertical(ctx, theme, box, { scale, ticks, format = tick, label, hide }) {
  ctx.strokeStyle = theme.grid;
  ctx.fillStyle = theme.muted;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  for (const value of ticks) {
    const pixel = Math.round(scale(value)) + 0.5;
    if (pixel < box.y - 1 || pixel > box.y + box.h + 1) continue;
    line(ctx, box.x, pixel, box.x + box.w, pixel);
    if (!hide) ctx.fillText(format(value), box.x - 5, Math.min(Math.max(pixel, box.y + 3), box.y + box.h - 2));
  }
  if (label && !hide) verticalLabel(ctx, theme, box, label);
}

/** The label of a vertical axis, written upwards at the canvas's left edge. */
export function verticalLabel(ctx, theme, box, label) {
  ctx.save();
  ctx.font = `10.5px ${theme.font}`;
  ctx.fillStyle = theme.muted;
  ctx.textBaseline = "middle";
  ctx.translate(6, box.y + box.h / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textAlign = "center";
  ctx.fillText(label, 0, 0);
  ctx.restore();
}

function drawHorizontal(ctx, theme, box, { scale, ticks, format = tick, label, labels = true }) {
  const bottom = Math.round(box.y + box.h) + 0.5;
  ctx.strokeStyle = theme.axis;
  line(ctx, box.x, bottom, box.x + box.w, bottom);
  ctx.fillStyle = theme.muted;
  ctx.textBaseline = "top";
  let free = -Infinity;
  for (const value of labels ? ticks : []) {
    const pixel = scale(value);
    const text = format(value);
    const half = ctx.measureText(text).width / 2;
    const place = Math.min(Math.max(pixel, box.x + half - 4), box.x + box.w - half + 4);
    if (place - half < free) continue;
    ctx.textAlign = "center";
    ctx.fillText(text, place, bottom + 4);
    line(ctx, pixel, bottom, pixel, bottom + 3);
    free = place + half + 5;
  }
  if (label) {
    ctx.textAlign = "center";
    ctx.fillText(label, box.x + box.w / 2, bottom + 16);
  }
}

export function line(ctx, x1, y1, x2, y2) {
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
}

/** Log10 axis: ticks at whole powers, thinned to at most `most`; also at 2 and 5 where few powers are in sight. */
export function powerTicks(low, high, most = 5) {
  const first = Math.ceil(low - 1e-9);
  const last = Math.floor(high + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / most));
  const ticks = [];
  for (let exponent = first; exponent <= last; exponent += 1) if (exponent % every === 0) ticks.push(exponent);
  return last - first + 1 < FEW_POWERS ? between(low, high, ticks.length > 0) : { ticks, format: power };
}

/** With fewer whole powers in sight a log axis has ticks at 2 and 5 too: one label alone tells no scale. */
export const FEW_POWERS = 3;

/** Ticks at 1, 2 and 5 of each decade: "2" between whole powers, the number itself where no power is in sight. */
function between(low, high, anyPower) {
  const ticks = [];
  for (let decade = Math.floor(low); decade <= high; decade += 1)
    for (const digit of [1, 2, 5]) {
      const place = decade + Math.log10(digit);
      if (place >= low - 1e-9 && place <= high + 1e-9) ticks.push(place);
    }
  const isPower = (place) => Math.abs(place - Math.round(place)) < 1e-9;
  const digitOf = (place) => String(Math.round(10 ** (place - Math.floor(place))));
  const format = (place) => (isPower(place) ? power(Math.round(place)) : anyPower ? digitOf(place) : tick(10 ** place));
  return { ticks: ticks.length ? ticks : [(low + high) / 2], format };
}

/** Marker by arm: circle, square, triangle, diamond. */
export function marker(ctx, arm, x, y, size) {
  ctx.beginPath();
  if (arm % 4 === 0) ctx.arc(x, y, size, 0, 2 * Math.PI);
  else if (arm % 4 === 1) ctx.rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8);
  else
    polygon(
      ctx,
      x,
      y,
      arm % 4 === 2
        ? [
            [0, -1.2],
            [1.1, 0.9],
            [-1.1, 0.9],
          ]
        : [
            [0, -1.3],
            [1.1, 0],
            [0, 1.3],
            [-1.1, 0],
          ],
      size,
    );
  ctx.fill();
}

function polygon(ctx, x, y, corners, size) {
  corners.forEach(([dx, dy], index) =>
    index ? ctx.lineTo(x + dx * size, y + dy * size) : ctx.moveTo(x + dx * size, y + dy * size),
  );
  ctx.closePath();
}

/** A mark that something lies beyond an edge: it points up (-1) or down (1). */
export function triangle(ctx, x, y, size, direction) {
  ctx.beginPath();
  ctx.moveTo(x - size, y);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + direction * size * 1.2);
  ctx.fill();
}
