// A generator, computed in float32: a list of operations on one example, each on the results of earlier ones.
// Arrays are flat, NHWC without N. `compute.py` has the same in NumPy, by name.

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

// Returns what adds to each output of pixel `to` the inner product of x's pixel `from` with that output's row.
const adder = ({ kernel }, sums, x) => (to, from, place) => {
  const { outputs, inputs } = kernel, start = from * inputs, end = (to + 1) * outputs;
  let output = to * outputs, row = place * outputs * inputs;
  for (; output + 3 < end; output += 4, row += 4 * inputs) {  // four at once: each input is read once for them
    const second = row + inputs, third = second + inputs, fourth = third + inputs;
    let a = 0, b = 0, c = 0, d = 0;
    for (let i = 0; i < inputs; i++) {
      const value = x[start + i];
      a += value * kernel[row + i];
      b += value * kernel[second + i];
      c += value * kernel[third + i];
      d += value * kernel[fourth + i];
    }
    sums[output] += a;
    sums[output + 1] += b;
    sums[output + 2] += c;
    sums[output + 3] += d;
  }
  for (; output < end; output++, row += inputs) {
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += x[start + i] * kernel[row + i];
    sums[output] += sum;
  }
};

// Starts from the bias, adds what `each` adds, in float64; rounds once.
function sums(layer, each) {
  const size = layer.size, count = layer.bias.length, made = new Float64Array(size);
  for (let i = 0; i < size; i++) made[i] = layer.bias[i % count];
  each(made);
  return new Float32Array(made);
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
  dense: (layer, x) => sums(layer, made => adder(layer, made, x)(0, 0, 0)),
  conv: (layer, x) => sums(layer, made => places(layer, layer.shape, layer.from[0], adder(layer, made, x))),
  conv_transpose(layer, x) {
    return sums(layer, made => {
      const add = adder(layer, made, x);
      places(layer, layer.from[0], layer.shape, (small, large, place) => add(large, small, place));
    });
  },
  depthwise(layer, x) {  // each channel with its own kernel
    const { kernel, shape: [height, width, channels], top, left } = layer;
    const [rows, columns] = kernel.shape, [high, wide] = layer.from[0];
    return sums(layer, made => {
      for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) {
        const to = (row * width + column) * channels;
        for (let y = Math.max(0, top - row); y < rows && row + y - top < high; y++) {
          for (let x0 = Math.max(0, left - column); x0 < columns && column + x0 - left < wide; x0++) {
            const from = ((row + y - top) * wide + column + x0 - left) * channels, place = (y * columns + x0) * channels;
            for (let i = 0; i < channels; i++) made[to + i] += x[from + i] * kernel[place + i];
          }
        }
      }
    });
  },
  crop({ shape: [height, width, channels], from, top, left, size }, x) {
    const made = new Float32Array(size), wide = from[0][1];
    for (let row = 0; row < height; row++) {
      const start = ((row + top) * wide + left) * channels;
      made.set(x.subarray(start, start + width * channels), row * width * channels);
    }
    return made;
  },
  affine: ({ scale, offset }, x) => x.map((value, i) => value * scale[i % scale.length] + offset[i % scale.length]),
  leaky_relu: ({ slope }, x) => x.map(value => value > 0 ? value : slope * value),
  selu: (_, x) => x.map(value => 1.05070098 * (value > 0 ? value : 1.67326324 * Math.expm1(value))),
  tanh: (_, x) => x.map(Math.tanh),
  sigmoid: (_, x) => x.map(value => 1 / (1 + Math.exp(-value))),
  hard_tanh: (_, x) => x.map(value => Math.min(1, Math.max(-1, value))),
  pixel_norm({ shape, size }, x) {  // each pixel's mean square becomes 1
    const channels = shape.at(-1), made = new Float32Array(size);
    for (let start = 0; start < size; start += channels) {
      const pixel = x.subarray(start, start + channels);
      const scale = 1 / Math.sqrt(pixel.reduce((sum, value) => sum + value * value, 0) / channels + 1e-8);
      made.set(pixel.map(value => value * scale), start);
    }
    return made;
  },
  blend: ({ alpha }, old, x) => x.map((value, i) => (1 - alpha) * old[i] + alpha * value),
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
  kind({ count, cuts }, z, label = [0]) {
    const first = label[0] * (count - 1), its = cuts.subarray(first, first + count - 1);
    return Float32Array.of(label[0] * count + its.filter(cut => z[0] > cut).length);
  },
  add: (_, a, b) => a.map((value, i) => value + b[i]),
  multiply: (_, a, b) => a.map((value, i) => value * b[i]),
  uniform: ({ low, high }, x) => x.map((value, i) => low[i] + (high[i] - low[i]) * phi(value)),
};

// Makes a network of what a page holds: the description, and the bytes of all arrays.
function assemble(description, bytes) {
  const arrays = description.arrays.map(({ type, shape, start, end }) => {
    const part = bytes.slice(start, end).buffer;  // a copy, which begins where its type may
    const values = { uint8: () => new Uint8Array(part), float32: () => new Float32Array(part),
                     float16: () => fromHalves(new Uint16Array(part)) }[type]();
    return Object.assign(values, { shape, outputs: shape.at(-2), inputs: shape.at(-1) });
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

// The bytes that base64 stands for; a loop, since there are millions.
function fromBase64(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// The numbers of float16, by their 16 bits.
const HALVES = Float32Array.from({ length: 2 ** 16 }, (_, bits) => {
  const exponent = bits >> 10 & 31, fraction = bits & 1023;
  const size = exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction;
  return bits & 0x8000 ? -size : size;  // weights are finite: exponent 31 does not occur
});

function fromHalves(halves) {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < values.length; i++) values[i] = HALVES[halves[i]];
  return values;
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
  return new Uint8ClampedArray(image.map(value => Math.fround(value + 1) * 127.5));  // rounds half to even
}
