// z of a seed: what TensorFlow's stateless_normal draws from the seed [seed, -1], as kgan.latent.from_seeds does.
// Philox 4×32-10 (Salmon et al. 2011) makes the bits; Box and Muller's transform makes them normal.

const product = (a, b) => {
  const both = BigInt(a >>> 0) * BigInt(b);
  return [Number(both >> 32n), Number(both & 0xffffffffn)];  // high word, low word
};

function philox(counter, key) {
  let [a, b, c, d] = counter;
  let [k, l] = key;
  for (let round = 0; round < 10; round++) {
    const [high, low] = product(a, 0xd2511f53);
    const [otherHigh, otherLow] = product(c, 0xcd9e8d57);
    [a, b, c, d] = [otherHigh ^ b ^ k, otherLow, high ^ d ^ l, low];
    k += 0x9e3779b9;
    l += 0xbb67ae85;
  }
  return [a, b, c, d].map(word => word >>> 0);
}

const uniform = word => (word & 0x7fffff) / 2 ** 23;  // in [0, 1)

// N(0, 1), `count` values; `seed` is an integer of 64 bits: a BigInt or, to ±2⁵³, a number. Others are refused.
function noise(seed, count) {
  if (typeof seed !== "bigint" && !Number.isSafeInteger(seed) || BigInt.asIntN(64, BigInt(seed)) !== BigInt(seed)) {
    throw new RangeError(`seed ${seed} is no integer of 64 bits, or a number past 2⁵³, which may have been rounded.`);
  }
  const words = [BigInt(seed), -1n].flatMap(one => [one & 0xffffffffn, one >> 32n & 0xffffffffn]).map(Number);
  const [k, l, c, d] = philox(words, [0x3ec8f720, 0x02461e29]);  // TensorFlow mixes a seed before it uses it
  const z = new Float32Array(count);
  for (let at = 0; at < count; at += 4) {
    const bits = philox([at / 4, 0, c, d], [k, l]);
    for (const pair of [0, 2]) {
      const radius = Math.sqrt(-2 * Math.log(Math.max(uniform(bits[pair]), 1e-7)));
      const angle = Math.fround(2 * Math.PI * uniform(bits[pair + 1]));
      z[at + pair] = Math.sin(angle) * radius;  // past the end nothing is written
      z[at + pair + 1] = Math.cos(angle) * radius;
    }
  }
  return z;
}

// Spherical interpolation of z, as kgan.latent.slerp: White 2016 (arXiv:1609.04468), section 2.1.
function slerp(a, b, t) {
  const inner = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const norms = Math.sqrt(inner(a, a) * inner(b, b));
  const angle = norms ? Math.acos(Math.min(1, Math.max(-1, inner(a, b) / norms))) : 0;
  if (Math.sin(angle) < 1e-6) return straight(a, b, t);
  return a.map((value, i) => (Math.sin((1 - t) * angle) * value + Math.sin(t * angle) * b[i]) / Math.sin(angle));
}

const straight = (a, b, t) => a.map((value, i) => (1 - t) * value + t * b[i]);
