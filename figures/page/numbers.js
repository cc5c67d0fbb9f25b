"use strict";
// Numbers that the calculator's parts share.
const numbers = (() => {
  class Silent extends Error {} // a value that does not apply, with the reason

  function logGamma(x) { // Stirling's series, after raising x
    let shift = 0;
    for (; x < 15; x += 1) shift -= Math.log(x);
    const y = 1 / (x * x);
    const series = (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y / 1188)))) / x;
    return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
  }

  function logBig(K) {
    const bits = K.toString(2);
    return Math.log(parseInt(bits.slice(0, 53), 2)) + Math.max(0, bits.length - 53) * Math.LN2;
  }

  function root(K, d) { // floor(K^(1/d)), exactly: Newton's method on integers from above descends to it
    if (d === 1 || K === 1n) return K;
    const degree = BigInt(d);
    let n = 1n << BigInt(Math.ceil(K.toString(2).length / d));
    for (;;) {
      const better = ((degree - 1n) * n + K / n ** (degree - 1n)) / degree;
      if (better >= n) return n;
      n = better;
    }
  }

  function inRange(value, larger) { // rounded to 0, an upper bound is false
    if (value >= 2 ** -1022 && value <= Number.MAX_VALUE) return value;
    const remedy = value > 1 ? "or a smaller variance" : larger;
    throw new Silent(`beyond the range of double precision: take the formula's logarithm, ${remedy}`);
  }

  return { Silent, logGamma, logBig, root, inRange };
})();
