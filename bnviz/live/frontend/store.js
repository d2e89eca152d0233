// The history this page holds: per arm, columns over time in growable typed arrays, thinned above a capacity.

import { DETAIL, FIELDS, SPARSE, dimensions, width } from "./decode.js";

/** A growable column of `width` numbers a row. */
class Column {
  constructor(Type, rowWidth) {
    this.Type = Type;
    this.width = rowWidth;
    this.length = 0;
    this.data = new Type(64 * rowWidth);
  }

  append(rows, count) {
    const needed = (this.length + count) * this.width;
    if (needed > this.data.length) {
      const grown = new this.Type(Math.max(needed, this.data.length * 2));
      grown.set(this.data);
      this.data = grown;
    }
    this.data.set(rows, this.length * this.width);
    this.length += count;
  }

  /** A row of something that was not measured. */
  appendNothing() {
    this.append(new this.Type(this.width).fill(NaN), 1);
  }

  row(index) {
    return this.data.subarray(index * this.width, (index + 1) * this.width);
  }

  /** Only these rows stay, in their order. */
  keep(indices) {
    indices.forEach((from, to) => {
      if (from !== to) this.data.copyWithin(to * this.width, from * this.width, (from + 1) * this.width);
    });
    this.length = indices.length;
  }
}

/** Last index whose step is at most `step`; -1 when there is none. */
function lastAtMost(steps, length, step) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

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

/** Rows with their own steps: for fields that not every snapshot has. */
class Series extends Column {
  constructor(Type, rowWidth) {
    super(Type, rowWidth);
    this.stepColumn = new Column(Uint32Array, 1);
  }

  get steps() {
    return this.stepColumn.data;
  }

  append(step, row) {
    if (this.length && step <= this.steps[this.length - 1]) return;
    super.append(row, 1);
    this.stepColumn.append([step], 1);
  }

  /** A row goes when its snapshot goes. */
  keepSteps(steps) {
    const kept = Array.from({ length: this.length }, (_, index) => index).filter((index) =>
      steps.has(this.steps[index]),
    );
    this.keep(kept);
    this.stepColumn.keep(kept);
  }

  /** The latest row at or before `step`, or null. */
  at(step) {
    const index = lastAtMost(this.steps, this.length, step);
    return index < 0 ? null : this.row(index);
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
