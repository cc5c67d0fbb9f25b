"use strict";
// The calculator: the rows of `python -m qtheory bounds`. Errors of optimal levels and Zador's constants are
// looked up in DATA, which Python computed; all else is computed here. tests/figures/test_browser.py compares
// all rows with Python's.
const calculator = (() => {
  const DATA = JSON.parse(document.getElementById("calculator-data").textContent);
  const { Silent, logGamma, logBig, root, inRange } = numbers;
  const LEVELS = 256, COORDINATES = 64; // up to which optimal levels are allocated, and random words averaged

  const gamma = (x) => Math.exp(logGamma(x));
  const logBall = (d) => (d / 2) * Math.log(Math.PI) - logGamma(d / 2 + 1);
  const power = (lnK, k) => Math.exp((-2 / k) * lnK);

  // --- laws -------------------------------------------------------------------------------------------
  function law(name, variance) {
    const b = Math.sqrt(variance / 2); // scale of a Laplace law
    return {
      gaussian: {
        variance,
        entropy: 0.5 * Math.log(2 * Math.PI * Math.E * variance),
        norm: (d) => 2 * Math.PI * variance * Math.pow((d + 2) / d, (d + 2) / 2),
      },
      laplace: {
        variance,
        entropy: 1 + Math.log(2 * b),
        norm: (d) => 4 * b * b * Math.pow((d + 2) / d, d + 2),
      },
      uniform: { variance: 1 / 3, entropy: Math.LN2, norm: () => 4 },
    }[name];
  }
  const shannon = (entropy, d, lnK) => (d * Math.exp(2 * entropy) * power(lnK, d)) / (2 * Math.PI * Math.E);

  function zador(d) {
    const known = DATA.zador[d - 1];
    if (known) return known;
    const ball = Math.exp((-2 / d) * logBall(d));
    return { lower: ball / (d + 2), upper: (gamma(1 + 2 / d) * ball) / d, source: "random" };
  }

  // --- bounds -----------------------------------------------------------------------------------------
  const LOWER = 2 / (Math.PI * Math.E), UPPER = 5 / (2 * Math.E);

  function edge(d, lnK) { // maximum over x >= 16/9, by bisection as in qtheory._edge
    const start = 16 / 9, a = 191 / 125 + 249 / 250 - start, rate = lnK / d;
    const value = (x) => Math.log(2 * (x + a)) - Math.log(Math.PI) / 2 - rate;
    let low = start, high = Math.exp(rate + 1);
    for (let i = 0; i < 100; i += 1) {
      const x = (low + high) / 2;
      if (value(x) < x / (2 * (x + a))) low = x; else high = x;
    }
    const x = low > start ? high : start;
    return (d * value(x)) / (x * x);
  }

  const VALUES = {
    "prop2.lower.paper": (p) => (p.d / 4) * power(p.lnK, p.d),
    "prop2.lower.sharp": (p) => LOWER * p.d * power(p.lnK, p.d),
    "prop2.lower.edge": (p) => edge(p.d, p.lnK),
    "prop2.lower.sphere": (p) => ((4 * p.d) / (p.d + 2)) * Math.exp((-2 / p.d) * logBall(p.d)) * power(p.lnK, p.d),
    "prop2.lower.scalar": (p) => (p.d / 3) * power(p.lnK, p.d),
    "prop2.upper.paper": (p) => 8 * p.d * power(p.lnK, p.d),
    "prop2.upper.midpoint": (p) => (9 / 4) * p.d * power(p.lnK, p.d),
    "prop2.upper.sharp": (p) => UPPER * p.d * power(p.lnK, p.d),
    "prop2.upper.levels": (p) => {
      const n = Number(root(p.K, p.d));
      return p.d * (n === 1 ? 1 : n === 2 ? 1 / (2 * Math.E) : 1 / (3 * (n - 1) ** 2));
    },
    "prop2.two_levels": (p) => p.d / (2 * Math.E),
    "prop3.vq.upper.paper": (p) => 8 * p.d * p.k * power(p.lnK, p.k),
    "prop3.vq.upper.sharp": (p) => Math.min(9, (9 * p.k) / 4) * p.d * power(p.lnK, p.k),
    "prop3.vq.lower.sharp": (p) => LOWER * p.d * power(p.lnK, p.k),
    "prop3.vq.diagonal": (p) => (p.d / 3) * power(p.lnK, 1),
    "prop3.pq.lower.paper": (p) => (p.blocks.length / 4) * power(p.lnK, p.blocks.length),
    "prop3.pq.lower.sharp": (p) => (p.blocks.length / 3)
      * Math.pow(p.blocks.reduce((x, y) => x * y, 1), 1 / p.blocks.length) * power(p.lnK, p.blocks.length),
    "prop3.pq.exact": (p) => allocation.diagonal(p.K, p.blocks),
    "prop3.sq.lower.paper": (p) => (p.d / 4) * power(p.lnK, p.d),
    "prop3.sq.lower.sharp": (p) => (p.d / 3) * power(p.lnK, p.d),
    "prop3.sq.exact": (p) => allocation.diagonal(p.K, Array(p.d).fill(1)),
  };

  function upToTheGame({ d, K, lnK }) { // whether K <= 2^(4.04 d), in integers: K^25 <= 2^(101 d)
    const excess = (25 * lnK) / Math.LN2 - 101 * d; // decides unless K is close
    return Math.abs(excess) > 1 ? excess < 0 : K ** 25n <= 2n ** BigInt(101 * d);
  }

  function verdict(name, p) { // of a bound as printed, as in qtheory.claims.calculator
    if (name !== "prop2.lower.paper" || p.d <= 46 || upToTheGame(p)) return "holds";
    return p.d <= 64 ? "open" : "refuted";
  }

  const HYPOTHESES = {
    "K >= 2^d": (p) => (p.K >= 2n ** BigInt(p.d) ? "" : `K is below 2^${p.d}`),
    "K >= 2^support_dim": (p) => (p.K >= 2n ** BigInt(p.k) ? "" : `K is below 2^${p.k}`),
    "K = 2^d": (p) => (p.K === 2n ** BigInt(p.d) ? "" : `K is not 2^${p.d}`),
    "support_dim < d": (p) => (p.k < p.d ? "" : "the support is not smaller than the space"),
    "support_dim <= d": (p) => (p.k <= p.d ? "" : "the support is larger than the space"),
    "support_dim divides d": (p) => (p.d % p.k === 0 ? "" : `${p.k} does not divide ${p.d}`),
  };

  function bound(entry, p) {
    if (!(entry.id in VALUES)) throw new Silent("takes a linear program: run python -m qtheory bounds");
    const needs = entry.needs.split(" ");
    if (needs.includes("support_dim") && !p.k) throw new Silent("needs the dimension of a support");
    if (needs.includes("block_dims") && !p.blocks) throw new Silent("needs dimensions of blocks");
    for (const text of entry.hypotheses.split(", ").filter(Boolean)) {
      const wrong = HYPOTHESES[text](p);
      if (wrong) throw new Silent(wrong);
    }
    return VALUES[entry.id](p);
  }

  // --- quantizers of a law ------------------------------------------------------------------------------
  function optimalScalar(name, variance, d, K) { // levels of equal coordinates, exactly
    if (d > COORDINATES || root(K, d) > BigInt(LEVELS)) throw new Silent(`computed up to ${LEVELS} levels a coordinate and ${COORDINATES} coordinates`);
    return (name === "uniform" ? 1 : variance) * allocation.equal(DATA.levels[name], d, K);
  }

  function randomWords(d, value) {
    if (d > COORDINATES) throw new Silent(`computed up to ${COORDINATES} coordinates`);
    return value();
  }

  function* entries(p) {
    const { d, K, lnK } = p, one = law(p.source, p.variance), v = one.variance;
    const G = zador(d), shape = one.norm(d) * power(lnK, d);
    yield ["limit", "shannon", "lower", "E*_VQ", "d / (2 pi e) exp(2 h / d) K^(-2/d)", "theorem.shannon", () => shannon(one.entropy, d, lnK)];
    if (p.source === "gaussian") {
      yield ["limit", "distortion-rate", "lower", "E*_VQ", "d s^2 K^(-2/d)", "theorem.water-filling", () => d * v * power(lnK, d)];
    }
    const formula = "d G ||f||_{d/(d+2)} K^(-2/d)";
    if (G.lower < G.upper) yield ["high rate", "zador.sphere", "limit", "E*_VQ, at least", `${formula}, G of the ball`, "theorem.zador", () => d * G.lower * shape];
    yield ["high rate", "zador", "limit", G.lower < G.upper ? "E*_VQ, at most" : "E*_VQ", `${formula}, G of ${G.source}`, "theorem.zador", () => d * G.upper * shape];
    yield ["high rate", "scalar-limit", "limit", "E*_SQ", "(d / 12) prod_j ||f_j||_{1/3}^(1/d) K^(-2/d)", "theorem.gains", () => (d / 12) * one.norm(1) * power(lnK, d)];
    if (p.blocks) {
      yield ["high rate", "product-limit", "limit", "E*_PQ, at most", "d prod_m (G_{d_m} ||f_m||_{d_m/(d_m+2)})^(d_m/d) K^(-2/d)", "theorem.product-limit",
        () => d * Math.exp(p.blocks.reduce((sum, m) => sum + (m / d) * Math.log(zador(m).upper * one.norm(m)), 0)) * power(lnK, d)];
    }
    yield ["quantizer", "optimal-sq", "equal", "E*_SQ", "Lloyd-Max levels, their numbers by exact allocation", "scaling.optimal-sq", () => optimalScalar(p.source, v, d, K)];
    yield ["quantizer", "entropy-coded-sq", "attained", "error at entropy log2 K, not K words", "uniform cells, centroids, log2(K) / d bits of entropy a coordinate", "theorem.entropy-coding", () => d * (p.source === "uniform" ? 1 : v) * quadrature.entropyCoded(p.source, lnK / Math.LN2 / d)];
    if (p.source === "gaussian") {
      yield ["quantizer", "matched-vq", "attained", "mean error of K random words", "words N(0, s^2 I)", "appendixK.near-optimal", () => randomWords(d, () => v * quadrature.matched(d, K))];
      yield ["quantizer", "best-random-vq", "attained", "mean error of K random words", "words N(0, t^2 I), best t", "appendixD.matched", () => randomWords(d, () => v * quadrature.bestRandom(d, K))];
      if (p.blocks) {
        const sizes = p.blocks.map((m) => root(K ** BigInt(m), d));
        yield ["quantizer", "matched-pq", "attained", `mean error of ${sizes.join(" x ")} random words`, "words N(0, s^2 I) in each block", "appendixK.near-optimal",
          () => p.blocks.reduce((sum, m, i) => sum + v * quadrature.matched(m, sizes[i]), 0)];
      }
      const signs = (value) => { if (K !== 2n ** BigInt(d)) throw new Silent(`K is not 2^${d}`); return value; };
      yield ["quantizer", "lfq", "attained", "error of LFQ", "d (s^2 - 2 s sqrt(2/pi) + 1)", "figure5.lfq", () => signs(d * (v - 2 * Math.sqrt((2 * v) / Math.PI) + 1))];
      yield ["quantizer", "bsq", "attained", "error of BSQ's words, no normalisation", "d s^2 - 2 s sqrt(2 d / pi) + 1", "figure5.bsq", () => signs(d * v - 2 * Math.sqrt((2 * d * v) / Math.PI) + 1)];
    }
  }

  function reference(kind, p) { // Shannon's bound that is the zero of decibels
    if (kind === "diagonal") return shannon(Math.log(2 * Math.sqrt(p.d)), 1, p.lnK);
    if (kind === "subspace") return shannon(Math.log(2 * Math.sqrt(p.d / p.k)), p.k, p.lnK);
    return shannon(law(p.source, p.variance).entropy, p.d, p.lnK);
  }

  // rows and silent of a problem {source, d, K (BigInt), k (support dimension or 0), blocks (or null), variance}
  function calculate(problem) {
    const p = { ...problem, lnK: logBig(problem.K) }, rows = [], silent = [];
    const add = (section, name, side, quantity, formula, claim, value, kind = "cube") => {
      try {
        const number = inRange(value(), p.source === "uniform" ? "or a smaller K" : "a larger variance, or a smaller K");
        const zero = reference(kind, p); // which may be too small, and leaves no decibels
        const decibel = zero >= 2 ** -1022 ? 10 * (Math.log10(number) - Math.log10(zero)) : null;
        rows.push({ section, name, side, quantity, formula, claim, value: number, decibel, verdict: verdict(name, p) });
      } catch (error) {
        if (!(error instanceof Silent)) throw error;
        silent.push({ name, reason: error.message });
      }
    };
    for (const entry of entries(p)) add(...entry);
    if (p.source === "uniform") {
      for (const entry of DATA.bounds.filter((one) => one.needs.split(" ").includes("K"))) {
        add("worst case", entry.id, entry.side, entry.quantity, entry.formula, entry.claim, () => bound(entry, p), entry.law);
      }
    }
    return { rows, silent };
  }

  return { calculate, logBig };
})();
