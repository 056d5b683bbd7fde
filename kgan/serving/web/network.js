// A generator, computed in float32: a list of operations on one example, each on the results of earlier ones.
// Arrays are flat, NHWC without N. `compute.py` has the same operations in NumPy, by the same names.

// The inner product of n values of a, from i on, and of b, from j on.
function dot(a, i, b, j, n) {
  let first = 0, second = 0, third = 0, fourth = 0;
  const whole = n - n % 4;
  for (let k = 0; k < whole; k += 4) {
    first += a[i + k] * b[j + k];
    second += a[i + k + 1] * b[j + k + 1];
    third += a[i + k + 2] * b[j + k + 2];
    fourth += a[i + k + 3] * b[j + k + 3];
  }
  for (let k = whole; k < n; k++) first += a[i + k] * b[j + k];
  return first + second + third + fourth;
}

// Calls `each` with every (place in small, place in large, place in the kernel) that a strided kernel joins.
function places(layer, small, large, each) {
  const { kernel, stride, top, left } = layer;
  const [height, width] = kernel.shape;
  for (let row = 0; row < small[0]; row++) for (let column = 0; column < small[1]; column++) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const down = row * stride + y - top, across = column * stride + x - left;
      if (down < 0 || across < 0 || down >= large[0] || across >= large[1]) continue;
      each(row * small[1] + column, down * large[1] + across, y * width + x);
    }
  }
}

// Adds to each of `count` outputs at `to` its kernel's inner product with the inputs at `from`.
function add(sums, to, x, from, kernel, place) {
  const [outputs, inputs] = kernel.shape.slice(-2);
  for (let output = 0; output < outputs; output++) {
    sums[to * outputs + output] += dot(x, from * inputs, kernel, (place * outputs + output) * inputs, inputs);
  }
}

// Starts from the bias, adds what `each` adds, in float64; rounds once.
function sums(layer, each) {
  const size = layer.size, count = layer.bias.length, made = new Float64Array(size);
  for (let i = 0; i < size; i++) made[i] = layer.bias[i % count];
  each(made);
  return Float32Array.from(made);
}

// erf, by a series without cancellation: Abramowitz & Stegun 7.1.6.
function erf(x) {
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 500; n++) sum += term *= 2 * x * x / (2 * n + 1);
  return Math.abs(x) > 6 ? Math.sign(x) : 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

const phi = z => 0.5 * (1 + erf(z / Math.SQRT2));  // the share of N(0, 1) below z

// By name: (layer with its arrays and settings, inputs...) → Float32Array.
const OPERATIONS = {
  dense: (layer, x) => sums(layer, made => add(made, 0, x, 0, layer.kernel, 0)),
  conv: (layer, x) => sums(layer, made => places(layer, layer.shape, layer.from[0], (small, large, place) =>
    add(made, small, x, large, layer.kernel, place))),
  conv_transpose: (layer, x) => sums(layer, made => places(layer, layer.from[0], layer.shape, (small, large, place) =>
    add(made, large, x, small, layer.kernel, place))),
  affine: ({ scale, offset }, x) => x.map((value, i) => value * scale[i % scale.length] + offset[i % scale.length]),
  leaky_relu: ({ slope }, x) => x.map(value => value > 0 ? value : slope * value),
  selu: (_, x) => x.map(value => 1.05070098 * (value > 0 ? value : 1.67326324 * Math.expm1(value))),
  tanh: (_, x) => x.map(Math.tanh),
  sigmoid: (_, x) => x.map(value => 1 / (1 + Math.exp(-value))),
  hard_tanh: (_, x) => x.map(value => Math.min(1, Math.max(-1, value))),
  reshape: (_, x) => x,
  concatenate(layer, ...inputs) {  // along the last axis
    const lengths = layer.from.map(shape => shape.at(-1)), whole = layer.shape.at(-1);
    const made = new Float32Array(layer.size);
    for (let row = 0; row < layer.size / whole; row++) {
      let to = row * whole;
      inputs.forEach((x, number) => {
        made.set(x.subarray(row * lengths[number], (row + 1) * lengths[number]), to);
        to += lengths[number];
      });
    }
    return made;
  },
  repeat: (layer, x) => Float32Array.from({ length: layer.size }, (_, i) => x[i % x.length]),
  upsample({ times, size, shape, from }, x) {  // nearest
    const [, width, channels] = shape;
    return Float32Array.from({ length: size }, (_, i) => {
      const pixel = Math.floor(i / channels), row = Math.floor(pixel / width / times);
      return x[(row * from[0][1] + Math.floor(pixel % width / times)) * channels + i % channels];
    });
  },
  embedding: ({ rows, size }, x) => rows.slice(x[0] * size, (x[0] + 1) * size),
  kind({ count, ends }, z, label = [0]) {
    const below = phi(z[0]), first = label[0] * (count - 1);
    return Float32Array.of(label[0] * count + ends.subarray(first, first + count - 1).filter(end => below > end).length);
  },
  uniform: ({ low, high }, x) => x.map((value, i) => low[i] + (high[i] - low[i]) * phi(value)),
};

// Makes a network of what a page holds: the description, and the bytes of all arrays.
function assemble(description, bytes) {
  const arrays = description.arrays.map(({ type, shape, start, end }) => {
    const part = bytes.slice(start, end).buffer;  // a copy, which begins where its type may
    const values = { uint8: () => new Uint8Array(part), float32: () => new Float32Array(part),
                     float16: () => Float32Array.from(new Uint16Array(part), fromHalf) }[type]();
    return Object.assign(values, { shape });
  });
  const shapes = [[description.latent_dim], ...(description.classes ? [[]] : [])];
  const layers = description.operations.map(({ name, inputs, shape, settings, weights }) => {
    const layer = { name, inputs, shape, ...settings, size: shape.reduce((a, b) => a * b, 1) };
    layer.from = inputs.map(place => shapes[place]);
    for (const key in weights) layer[key] = arrays[weights[key]];
    shapes.push(shape);
    return layer;
  });
  return { ...description, layers, arrays };
}

// A float16's 16 bits as a number.
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

// Computes value number `wanted`, by default the last, the image. `given` are values that are known, by number.
function run(network, z, label, given = {}, wanted = undefined) {
  const values = [z, ...(network.classes ? [[label]] : [])];
  for (const layer of network.layers) {
    if (wanted < values.length) break;
    values.push(given[values.length] ?? OPERATIONS[layer.name](layer, ...layer.inputs.map(place => values[place])));
  }
  return values[wanted ?? values.length - 1];
}

// What stands for the class, or kind, of z and label: null where the generator has neither.
const told = (network, z, label) => network.told === null ? null : run(network, z, label, {}, network.told);

// The image's bytes, H × W × C. `standing`, if given, stands in the place of what `told` returns.
function draw(network, z, label, standing = null) {
  const image = run(network, z, label, standing === null ? {} : { [network.told]: standing });
  return Uint8ClampedArray.from(image, value => Math.fround(Math.fround(value + 1) * 127.5));  // rounds half to even
}
