// One binary frame of the wire into a header and typed arrays (views, no copies).

/** name -> [typed array, shape]; L layers, K weights, P points, Q percentiles, H bins, U units, C channels, N scalars. */
export const FIELDS = {
  step: [Uint32Array, ""],
  loss: [Float32Array, ""],
  train_loss: [Float32Array, ""],
  train_accuracy: [Float32Array, ""],
  test_loss: [Float32Array, ""],
  test_accuracy: [Float32Array, ""],
  test_accuracy_train_mode: [Float32Array, ""],
  learning_rate: [Float32Array, ""],
  normalization: [Uint8Array, ""],
  percentiles: [Float32Array, "PLQ"],
  mean: [Float32Array, "PL"],
  deviation: [Float32Array, "PL"],
  histogram: [Uint16Array, "PLH"],
  saturated: [Float32Array, "L"],
  dead: [Float32Array, "L"],
  gradient_z: [Float32Array, "K"],
  gradient_weight: [Float32Array, "K"],
  update_ratio: [Float32Array, "K"],
  drift_last: [Float32Array, "L"],
  drift_start: [Float32Array, "L"],
  unit_percentiles: [Float32Array, "LU3"],
  scalar: [Float32Array, "N"],
  zeros: [Float32Array, "L"],
  nonfinite: [Float32Array, "L"],
  weight_norm: [Float32Array, "K"],
  skipped: [Uint8Array, ""],
};
/** Fields that only some snapshots have. */
export const SPARSE = {
  surface: [Uint8Array, "S"],
  predictions: [Uint8Array, "I"],
  confidences: [Float32Array, "I"],
};
/** Per channel, of one layer at a time. */
export const DETAIL = ["gamma", "beta", "batch_mean", "batch_variance", "running_mean", "running_variance"];

/** The lengths that the letters of a shape stand for, for one arm. */
export function dimensions(meta, arm) {
  const description = meta.arms[arm];
  return {
    L: description.layers,
    K: description.weights.length,
    P: description.point_names.length,
    Q: meta.quantiles.length,
    H: meta.bins + 3,
    U: description.units.length,
    C: description.channel_count,
    N: description.scalars.length,
    3: 3,
    S: 1024,
    I: meta.images ? meta.images.labels.length : 0,
  };
}

export const width = (shape, sizes) => [...shape].reduce((product, letter) => product * sizes[letter], 1);

/** Header alone; needed first, because the payload's shape depends on the generation's meta. */
export function decodeHeader(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, offset: 4 + length };
}

/** [{fields: {name: array}, sparse: {name: {positions, data}}, detail: {name: array}}] in the arms' order. */
export function decodePayload(buffer, header, start, meta) {
  let offset = start;
  const take = (Type, length) => {
    const view = new Type(buffer, offset, length);
    offset += Math.ceil(view.byteLength / 4) * 4;
    return view;
  };
  return header.arms.map((arm, index) => {
    const sizes = dimensions(meta, index);
    const result = { fields: {}, sparse: {}, detail: {} };
    for (const name of arm.fields) readField(name, arm, sizes, take, result);
    for (const name of arm.layer.fields) result.detail[name] = take(Float32Array, arm.layer.count * sizes.C);
    return result;
  });
}

function readField(name, arm, sizes, take, result) {
  if (name in SPARSE) {
    const [Type, shape] = SPARSE[name];
    const positions = arm.sparse[name];
    result.sparse[name] = { positions, data: take(Type, positions.length * width(shape, sizes)) };
    return;
  }
  const known = FIELDS[name];
  if (!known) throw new Error(`The server sent a field that this page does not know: ${name}`);
  result.fields[name] = take(known[0], arm.count * width(known[1], sizes));
}
