"use strict";
// What takes a quadrature or an iteration, for laws of variance 1: uniform cells with entropy coding
// (qtheory._entropy_coded) and the nearest of K random Gaussian words (qtheory._nearest).
const quadrature = (() => {
  const { Silent, logGamma } = numbers;

  function tail(x) { // P(N(0, 1) > x) for x >= 0: the series of erf, then a continued fraction
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    if (x < 3) {
      let term = x, sum = x;
      for (let k = 3; term > 1e-18 * sum; k += 2) { term *= (x * x) / k; sum += term; }
      return 0.5 - density * sum;
    }
    let fraction = x;
    for (let k = 120; k > 0; k -= 1) fraction = x + k / fraction;
    return density / fraction;
  }

  // Entropy in bits and error of the uniform quantizer of step s, one cell centred on 0.
  const CODED = {
    uniform(s) { // on [-1, 1]
      const whole = s < 2 ? 2 * Math.floor(1 / s - 0.5) + 1 : 0, edge = (2 - whole * s) / (whole ? 2 : 1);
      const bits = (width, count) => (width > 0 ? (-count * width * Math.log2(width / 2)) / 2 : 0);
      return { rate: bits(s, whole) + bits(edge, whole ? 2 : 1),
        distortion: (whole * s ** 3 + (whole ? 2 : 1) * edge ** 3) / 24 };
    },
    laplace(s) { // geometric masses on either side of the middle cell
      const b = Math.SQRT1_2, h = s / 2, q = Math.exp(-s / b), outside = Math.exp(-h / b), inside = -Math.expm1(-h / b);
      const within = b * b - (s * s * q) / Math.expm1(-s / b) ** 2, geometric = -Math.expm1(-s / b);
      const middle = 2 * b * b - outside * (h * h + 2 * b * h + 2 * b * b);
      const rate = -inside * Math.log2(inside) - outside * (Math.log2(outside) - 1 + Math.log2(geometric))
        + (outside * q * s) / (b * geometric * Math.LN2);
      return { rate, distortion: middle + outside * within };
    },
    gaussian(s) {
      const density = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
      let beyond = tail(s / 2), mass = 1 - 2 * beyond, rate = -mass * Math.log2(mass), between = 0;
      for (let x = s / 2; beyond > 1e-40; x += s) {
        const next = tail(x + s), moment = density(x) - density(x + s);
        mass = beyond - next;
        rate -= 2 * mass * Math.log2(mass);
        between += (2 * moment * moment) / mass;
        beyond = next;
      }
      return { rate, distortion: 1 - between };
    },
  };

  function entropyCoded(name, rate) { // error of a coordinate at `rate` bits
    const deviation = name === "uniform" ? Math.sqrt(1 / 3) : 1;
    if (!(rate > 0)) throw new Silent("needs a rate above 0");
    if (rate > 8) throw new Silent("computed up to 8 bits a coordinate: beyond, it is about 1.53 dB above shannon");
    let low = -rate * Math.LN2 - 1, high = 4;
    const excess = (x) => CODED[name](deviation * Math.exp(x)).rate - rate;
    let above = excess(low), below = excess(high), side = 0;
    if (above < 0 || below > 0) throw new Silent("no step in double precision has this rate");
    let x = high;
    for (let i = 0; i < 200 && high - low > 1e-14; i += 1) { // false position that halves the end that stays
      x = i % 4 === 3 ? (low + high) / 2 : (low * below - high * above) / (below - above);
      const value = excess(x);
      if (value === 0) break;
      if (value > 0) { low = x; above = value; if (side > 0) below /= 2; side = 1; }
      else { high = x; below = value; if (side < 0) above /= 2; side = -1; }
    }
    return CODED[name](deviation * Math.exp(x)).distortion;
  }

  const LEGENDRE = (() => { // 20 nodes and weights on [0, 1]
    const found = [];
    for (let i = 0; i < 20; i += 1) {
      let x = Math.cos((Math.PI * (i + 0.75)) / 20.5), slope = 1;
      for (let k = 0; k < 8; k += 1) {
        let p = 1, before = 0;
        for (let j = 1; j <= 20; j += 1) [p, before] = [((2 * j - 1) * x * p - (j - 1) * before) / j, p];
        slope = (20 * (x * p - before)) / (x * x - 1);
        x -= p / slope;
      }
      found.push([(1 - x) / 2, 1 / ((1 - x * x) * slope * slope)]);
    }
    return found;
  })();

  function integral(f, from, to, panels) {
    const width = (to - from) / panels;
    let sum = 0;
    for (let i = 0; i < panels; i += 1) for (const [x, weight] of LEGENDRE) sum += weight * f(from + (i + x) * width);
    return sum * width;
  }

  // u -> P(chi'^2 < 2 u), non-central with d degrees of freedom and non-centrality 2 c: the sum over i of
  // u^(d/2 + i) exp(-u) / Gamma(d/2 + i + 1) times the probability that a Poisson variable of mean c is at most i
  function noncentral(d, c) {
    const mode = Math.floor(c), atMode = c > 0 ? Math.exp(mode * Math.log(c) - c - logGamma(mode + 1)) : 1;
    let first = mode, mass = atMode;
    while (first > 0 && mass > 1e-290) { mass *= first / c; first -= 1; }
    const most = [];
    for (let i = first, sum = 0; i <= mode || mass > 1e-18; i += 1) { sum += mass; most.push(Math.min(1, sum)); mass *= c / (i + 1); }
    return (u) => {
      if (!(u > 0)) return 0;
      const h = d / 2, peak = Math.floor((Math.sqrt(h * h + 4 * u * Math.max(c, u - h, 0)) - h) / 2);
      const at = Math.min(Math.max(first, peak), first + most.length - 1);
      const weight = (i) => most[Math.min(i - first, most.length - 1)];
      const top = Math.exp((h + at) * Math.log(u) - u - logGamma(h + at + 1));
      let sum = 0, term = top;
      for (let i = at; i >= first; i -= 1) {
        const more = term * weight(i);
        sum += more;
        if (more <= 1e-18 * sum) break;
        term *= (h + i) / u;
      }
      term = top;
      for (let i = at + 1; ; i += 1) {
        term *= u / (h + i);
        const more = term * weight(i);
        sum += more;
        if (more <= 1e-18 * sum) break;
      }
      return Math.min(1, sum);
    };
  }

  function upperNorm(d, level) { // the r at which the norm of N(0, I) exceeds r with this probability, about
    let r = Math.sqrt(d) + 1;
    const logTail = () => (d - 2) * Math.log(r) - (r * r) / 2 - (d / 2 - 1) * Math.LN2 - logGamma(d / 2);
    while (logTail() > Math.log(level)) r += 0.05;
    return r;
  }

  // Mean squared distance of N(0, I) to the nearest of K words N(0, spread I), in d dimensions.
  function nearest(d, K, spread, outer = 8, inner = 12) {
    const given = (r) => { // norm of the vector: the integral of 2 t P(distance > t)
      const inside = noncentral(d, (r * r) / spread / 2);
      const survival = (t) => K * Math.log1p(-inside((t * t) / spread / 2));
      const crossing = (level) => {
        let low = 0, high = r + Math.sqrt(spread) * (Math.sqrt(d) + 12);
        for (let i = 0; i < 30; i += 1) {
          const middle = (low + high) / 2;
          if (survival(middle) > level) low = middle; else high = middle;
        }
        return [low, high];
      };
      const start = crossing(-1e-17)[0], stop = crossing(Math.log(1e-18))[1];
      return start * start + integral((t) => 2 * t * Math.exp(survival(t)), start, stop, inner);
    };
    const scale = (d / 2 - 1) * Math.LN2 + logGamma(d / 2), end = upperNorm(d, 1e-40);
    const begin = Math.max(0, Math.sqrt(d) - 6.5);
    return integral((r) => Math.exp((d - 1) * Math.log(r) - (r * r) / 2 - scale) * given(r), begin, end, outer);
  }

  function resolved(d, K) { // bits of K, as far as distances are resolved
    const most = Math.min(30 * d, 1000);
    if (K.toString(2).length - 1 > most) throw new Silent(`K is above 2^${most}, where distances are not resolved`);
    return Number(K);
  }

  const known = new Map();
  function once(key, value) {
    if (!known.has(key)) known.set(key, value());
    return known.get(key);
  }

  function matched(d, K) { // words of the variance of the vectors, 1
    const size = resolved(d, K);
    return once(`${d} ${K}`, () => nearest(d, size, 1));
  }

  function bestRandom(d, K) { // words of the best variance, by golden sections
    const size = resolved(d, K);
    if (K < 2n) throw new Silent("needs two words or more");
    return once(`best ${d} ${K}`, () => {
      const golden = (Math.sqrt(5) - 1) / 2, error = (x) => nearest(d, size, Math.exp(x), 2, 3);
      let low = Math.log(0.1 / d), high = Math.log(4);
      let a = high - golden * (high - low), b = low + golden * (high - low), left = error(a), right = error(b);
      while (high - low > 1e-5) {
        if (left < right) { high = b; b = a; right = left; a = high - golden * (high - low); left = error(a); }
        else { low = a; a = b; left = right; b = low + golden * (high - low); right = error(b); }
      }
      return nearest(d, size, Math.exp((low + high) / 2));
    });
  }

  return { entropyCoded, matched, bestRandom };
})();
