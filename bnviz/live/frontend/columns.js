// Numbers that grow row by row, in typed arrays: as many a row as were said at first.

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

/** Rows with their own steps: for fields that not every snapshot has. */
export class Series extends Column {
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
