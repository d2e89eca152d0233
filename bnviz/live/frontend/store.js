// The history this page holds: per arm, columns over time in growable typed arrays, thinned above a capacity.

import { DETAIL, FIELDS, SPARSE, dimensions, width } from "./decode.js";

/** A growable column of `width` numbers a row. */
export class Column {
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

  row(index) {
    return this.data.subarray(index * this.width, (index + 1) * this.width);
  }

  /** Keep every second row of the older half, row 0 among them. */
  thin() {
    const half = this.length >> 1;
    let target = 0;
    for (let source = 0; source < this.length; source += 1) {
      if (source < half && source % 2) continue;
      if (target !== source) this.data.copyWithin(target * this.width, source * this.width, (source + 1) * this.width);
      target += 1;
    }
    this.length = target;
  }
}

/** Last index whose step is at most `step`; -1 when there is none. */
export function lastAtMost(steps, length, step) {
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
    this.capacity = meta.capacity ?? 2000;
    this.cursor = -1;
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
    const fresh = header.ids ? header.ids.findIndex((id) => id > this.cursor) : 0;
    if (header.count > 0 && fresh >= 0) {
      for (const [name, column] of Object.entries(this.columns)) {
        const rows = decoded.fields[name] ?? new column.Type(header.count * column.width).fill(NaN);
        column.append(fresh ? rows.subarray(fresh * column.width) : rows, header.count - fresh);
      }
      this.appendSparse(header, decoded, fresh);
    }
    this.cursor = Math.max(this.cursor, header.cursor ?? -1);
    while (this.length > this.capacity) for (const column of Object.values(this.columns)) column.thin();
    if (header.layer) this.appendDetail(header.layer, decoded.detail);
  }

  appendSparse(header, decoded, fresh) {
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
    this.detail.cursor = Math.max(this.detail.cursor, header.cursor ?? -1);
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
    if (this.length <= 800) return;
    this.thin();
    this.stepColumn.thin();
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
    this.version = 0;
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

  get lastStep() {
    return this.longest.length ? this.longest.steps[this.longest.length - 1] : 0;
  }

  /** The end of every time axis: ten steps at least, so that the first ones have room. */
  get lastTick() {
    return Math.max(10, this.lastStep);
  }

  append(header, decoded) {
    header.arms.forEach((arm, index) => this.arms[index].append(arm, decoded[index]));
    this.version += 1;
  }
}
