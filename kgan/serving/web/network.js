// A generator, computed in float32: a list of operations on one example, each on the results of earlier ones.
// Arrays are flat, NHWC without N. `compute.py` has the same in NumPy, by name.

// A strided kernel as products of matrices. Its output pixels fall into groups that meet the same taps of it: of a
// convolution all are one, of a transposed one there are stride². Weights of a group: (outputs, taps × inputs).
function groups({ name, kernel, stride, top, left }) {
  const [height, width] = kernel.shape, { outputs, inputs } = kernel, across = name === "conv" ? 1 : stride;
  const shift = (phase, before, tap) => name === "conv" ? tap - before : (phase + before - tap) / stride;
  const whole = (phase, before, size) => [...Array(size).keys()].filter(tap => Number.isInteger(shift(phase, before, tap)));
  return Array.from({ length: across * across }, (_, number) => {
    const down = Math.floor(number / across), right = number % across;
    const taps = whole(down, top, height).flatMap(y => whole(right, left, width).map(x => ({
      place: y * width + x, row: shift(down, top, y), column: shift(right, left, x) })));
    const weights = new Float64Array(outputs * taps.length * inputs);
    taps.forEach(({ place }, tap) => {
      for (let output = 0; output < outputs; output++) {
        const start = (place * outputs + output) * inputs;
        weights.set(kernel.subarray(start, start + inputs), (output * taps.length + tap) * inputs);
      }
    });
    return { down, right, taps, weights, rows: Int32Array.from(taps, tap => tap.row),
             columns: Int32Array.from(taps, tap => tap.column) };
  });
}

// Copies what the taps of a group meet at (row, column) of x, zero outside of it, to `patch` from `to` on.
function gather(x, [height, width, channels], row, column, { rows, columns }, patch, to) {
  for (let tap = 0; tap < rows.length; tap++, to += channels) {
    const y = row + rows[tap], across = column + columns[tap];
    if (y < 0 || across < 0 || y >= height || across >= width) patch.fill(0, to, to + channels);
    else for (let i = 0, from = (y * width + across) * channels; i < channels; i++) patch[to + i] = x[from + i];
  }
}

// Two rows of `patch`, of `size` numbers, times each row of `weights`, plus the bias: to `made` from `first`, and from
// `second` on. Sums are 4 × 2 at once, so that each number is read once for several; patch and weights are in float64,
// the type of all sums here, for reading float32 would change it each time.
function multiply(patch, size, weights, bias, made, first, second) {
  const outputs = bias.length;
  let output = 0;
  for (; output + 3 < outputs; output += 4) {
    const one = output * size, two = one + size, three = two + size, four = three + size;
    let a = bias[output], b = bias[output + 1], c = bias[output + 2], d = bias[output + 3], e = a, f = b, g = c, h = d;
    for (let k = 0; k < size; k++) {
      const x = patch[k], y = patch[size + k];
      const u = weights[one + k], v = weights[two + k], w = weights[three + k], z = weights[four + k];
      a += x * u; b += x * v; c += x * w; d += x * z;
      e += y * u; f += y * v; g += y * w; h += y * z;
    }
    made[second + output] = e; made[second + output + 1] = f; made[second + output + 2] = g; made[second + output + 3] = h;
    made[first + output] = a; made[first + output + 1] = b; made[first + output + 2] = c; made[first + output + 3] = d;
  }
  for (; output < outputs; output++) {
    let a = bias[output], b = a;
    for (let k = 0, row = output * size; k < size; k++) {
      a += patch[k] * weights[row + k];
      b += patch[size + k] * weights[row + k];
    }
    made[second + output] = b;
    made[first + output] = a;
  }
}

// A convolution or a transposed one, two output pixels of a group at a time.
function convolved(layer, x) {
  const { shape: [height, width, channels], stride, size, bias, from: [source] } = layer, made = new Float32Array(size);
  const [out, step] = layer.name === "conv" ? [1, stride] : [stride, 1];
  layer.groups ??= groups(layer);
  for (const group of layer.groups) {
    const long = group.taps.length * source[2], patch = new Float64Array(2 * long);
    for (let row = group.down, y = 0; row < height; row += out, y += step) {
      for (let column = group.right, across = 0; column < width; column += 2 * out, across += 2 * step) {
        const place = (row * width + column) * channels, last = column + out >= width;
        gather(x, source, y, across, group, patch, 0);
        if (!last) gather(x, source, y, across + step, group, patch, long);
        multiply(patch, long, group.weights, bias, made, place, last ? place : place + out * channels);
      }
    }
  }
  return made;
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
  dense({ kernel, bias, size }, x) {
    const made = new Float32Array(size), inputs = x.length;
    for (let output = 0, place = 0; output < size; output++) {
      let sum = bias[output];
      for (let i = 0; i < inputs; i++, place++) sum += x[i] * kernel[place];
      made[output] = sum;
    }
    return made;
  },
  conv: convolved,
  conv_transpose: convolved,
  depthwise({ kernel, bias, shape: [height, width, channels], top, left, size, from: [[high, wide]] }, x) {
    const [rows, columns] = kernel.shape, made = new Float32Array(size);  // each channel with its own kernel
    for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) {
      const to = (row * width + column) * channels;
      for (let i = 0; i < channels; i++) made[to + i] = bias[i];
      for (let y = Math.max(0, top - row); y < rows && row + y - top < high; y++) {
        for (let tap = Math.max(0, left - column); tap < columns && column + tap - left < wide; tap++) {
          const from = ((row + y - top) * wide + column + tap - left) * channels, place = (y * columns + tap) * channels;
          for (let i = 0; i < channels; i++) made[to + i] += x[from + i] * kernel[place + i];
        }
      }
    }
    return made;
  },
  crop({ shape: [height, width, channels], from, top, left, size }, x) {
    const made = new Float32Array(size), wide = from[0][1];
    for (let row = 0; row < height; row++) {
      const start = ((row + top) * wide + left) * channels;
      made.set(x.subarray(start, start + width * channels), row * width * channels);
    }
    return made;
  },
  affine({ scale, offset }, x) {  // loops, here and below: `map` calls a function for each value
    const made = new Float32Array(x.length), channels = scale.length;
    for (let i = 0; i < x.length;) for (let channel = 0; channel < channels; channel++, i++) {
      made[i] = x[i] * scale[channel] + offset[channel];
    }
    return made;
  },
  leaky_relu({ slope }, x) {
    const made = new Float32Array(x.length);
    for (let i = 0; i < x.length; i++) made[i] = x[i] > 0 ? x[i] : slope * x[i];
    return made;
  },
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

// The image's bytes, H × W × C. `standing`, if given, stands in the place of what `told` returns. A label that is no
// class, and a z beyond ±10⁶, are refused: kgan.serving.requests.
function draw(network, z, label, standing = null) {
  if (network.classes && !(Number.isInteger(label) && label >= 0 && label < network.classes)) {
    throw new RangeError(`label ${label} is no class: they are 0 to ${network.classes - 1}.`);
  }
  if (!z.every(value => Math.abs(value) <= 1e6)) throw new RangeError("z holds a value beyond ±10⁶, or none.");
  const image = run(network, z, label, standing === null ? {} : { [network.told]: standing });
  return new Uint8ClampedArray(image.map(value => Math.fround(value + 1) * 127.5));  // rounds half to even
}
