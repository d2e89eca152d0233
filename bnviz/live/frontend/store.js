// The history this page holds: per arm, columns over time, thinned above a capacity.

import { Column, Series, lastAtMost } from "./columns.js";
import { DETAIL, FIELDS, SPARSE, dimensions, width } from "./decode.js";

/** One arm's snapshots as columns. */
class ArmHistory {
  constructor(meta, arm) {
    this.sizes = dimensions(meta, arm);
    this.layers = this.sizes.L;
    this.capacity = meta.capacity;
    this.stride = 1;
    this.cursor = -1;
    this.ids = new Column(Float64Array, 1);
    /** How many steps lie between a snapshot and the one before it; NaN where that one never came here. */
    this.intervals = new Column(Float32Array, 1);
    this.columns = {};
    for (const [name, [Type, shape]] of Object.entries(FIELDS))
      this.columns[name] = new Column(Type, width(shape, this.sizes));
    this.sparse = {};
    for (const [name, [Type, shape]] of Object.entries(SPARSE))
      this.sparse[name] = new Series(Type, width(shape, this.sizes));
    this.clearDetail(-1);
  }

  get length() {
    return this.columns.step.length;
  }

  get steps() {
    return this.columns.step.data;
  }

  index(step) {
    return lastAtMost(this.steps, this.length, step);
  }

  row(name, index) {
    return this.columns[name].row(index);
  }

  /** The shared value of a scalar column, NaN when nothing is there. */
  value(name, index) {
    return index < 0 || index >= this.length ? NaN : this.columns[name].data[index];
  }

  clearDetail(layer) {
    this.detail = { layer, cursor: -1, series: {} };
    for (const name of DETAIL) this.detail.series[name] = new Series(Float32Array, this.sizes.C);
  }

  append(header, decoded) {
    this.limit(header.capacity ?? this.capacity);
    const fresh = header.ids.findIndex((id) => id > this.cursor);
    if (fresh >= 0) {
      for (let row = fresh; row < header.count; row += 1) this.appendRow(header.ids[row], decoded.fields, row);
      this.appendSparse(decoded, fresh);
    }
    this.cursor = Math.max(this.cursor, header.cursor);
    this.appendDetail(header.layer, decoded.detail);
  }

  appendRow(id, fields, row) {
    if (this.length >= this.capacity) this.thin();
    const last = this.length - 1;
    const interval = this.ids.data[last] === id - 1 ? fields.step[row] - this.steps[last] : NaN;
    this.intervals.append([interval], 1);
    this.ids.append([id], 1);
    for (const [name, column] of Object.entries(this.columns)) {
      const { width } = column;
      if (name in fields) column.append(fields[name].subarray(row * width, (row + 1) * width), 1);
      else column.appendNothing();
    }
  }

  /** The server may hold fewer than it said at first, where its rows grow; then so does this page. */
  limit(capacity) {
    if (capacity >= this.capacity) return;
    this.capacity = capacity;
    while (this.length >= capacity) this.thin();
  }

  /** As the server does: the newest quarter stays, and of all those whose id is a multiple of the stride. */
  thin() {
    const old = this.length - Math.floor(this.length / 4);
    const indices = Array.from({ length: this.length }, (_, index) => index);
    const pick = () => indices.filter((index) => index >= old || this.ids.data[index] % this.stride === 0);
    let kept = pick();
    while (kept.length > 0.8 * this.length) {
      this.stride *= 2;
      kept = pick();
    }
    for (const column of [this.ids, this.intervals, ...Object.values(this.columns)]) column.keep(kept);
    const steps = new Set(this.steps.subarray(0, this.length));
    for (const series of [...Object.values(this.sparse), ...Object.values(this.detail.series)]) series.keepSteps(steps);
  }

  /** One in how many of the oldest snapshots this page has. (One id may be missing: that of another arm's divergence.) */
  get thinned() {
    const [first, second, third] = this.ids.data;
    return this.length < 3 ? 1 : Math.min(second - first, third - second);
  }

  appendSparse(decoded, fresh) {
    for (const [name, { positions, data }] of Object.entries(decoded.sparse)) {
      const series = this.sparse[name];
      positions.forEach((position, row) => {
        if (position >= fresh)
          series.append(decoded.fields.step[position], data.subarray(row * series.width, (row + 1) * series.width));
      });
    }
  }

  appendDetail(header, decoded) {
    if (header.layer !== this.detail.layer) this.clearDetail(header.layer);
    for (const [name, rows] of Object.entries(decoded)) {
      const series = this.detail.series[name];
      for (let row = 0; row < header.count; row += 1)
        series.append(header.steps[row], rows.subarray(row * series.width, (row + 1) * series.width));
    }
    this.detail.cursor = Math.max(this.detail.cursor, header.cursor);
  }
}

/** All arms of one generation. */
export class Store {
  constructor(meta) {
    this.meta = meta;
    this.generation = meta.generation;
    this.arms = meta.arms.map((_, arm) => new ArmHistory(meta, arm));
  }

  get cursor() {
    return Math.max(...this.arms.map((arm) => arm.cursor));
  }

  /** The deepest layer that all arms have: the server sends channels of one layer at a time, for all arms. */
  commonLayer(layer) {
    return Math.min(layer, ...this.arms.map((arm) => arm.layers - 1));
  }

  detailCursor(layer) {
    const sent = this.commonLayer(layer);
    return Math.max(...this.arms.map((arm) => (arm.detail.layer === sent ? arm.detail.cursor : -1)));
  }

  /** The arm with the longest history: its steps are the time axis (a diverged arm stops earlier). */
  get longest() {
    return this.arms.reduce((best, arm) => (arm.length > best.length ? arm : best));
  }

  /** The steps that can be shown: the longest arm's; of recordings side by side, those of all. */
  get timeline() {
    if (!this.meta.recorded || this.arms.length === 1) return this.longest;
    const key = this.arms.map((arm) => arm.length).join();
    if (this.timelineKey !== key) {
      const steps = Float64Array.from(
        new Set(this.arms.flatMap((arm) => [...arm.steps.subarray(0, arm.length)])),
      ).sort();
      const { length } = steps;
      Object.assign(this, {
        timelineKey: key,
        merged: { steps, length, index: (step) => lastAtMost(steps, length, step) },
      });
    }
    return this.merged;
  }

  get lastStep() {
    const { steps, length } = this.timeline;
    return length ? steps[length - 1] : 0;
  }

  /** The end of every time axis: ten steps at least, so that the first ones have room. */
  get lastTick() {
    return Math.max(10, this.lastStep);
  }

  /** The same for the arm that had to give up most. */
  get thinned() {
    return Math.max(...this.arms.map((arm) => arm.thinned));
  }

  append(header, decoded) {
    header.arms.forEach((arm, index) => this.arms[index].append(arm, decoded[index]));
  }
}
