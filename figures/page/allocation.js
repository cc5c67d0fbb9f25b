"use strict";
// Numbers of levels and sizes of blocks, integers of product at most K: qtheory._allocation and _diagonal.
const allocation = (() => {
  const { Silent, logBig, root } = numbers;
  const TRIALS = 100000;

  // Least sum of errors[n - 1] over `count` integers n of product at most K. For a price t of ln n, reduced
  // costs errors[n - 1] + t ln n - min of an allocation no worse than a known one add up to at most `gap`.
  function equal(errors, count, K) {
    if (count === 1) return errors[Number(K) - 1];
    const base = Number(root(K, count)), sizes = Array(count).fill(BigInt(base));
    for (let m = 0, product = sizes[0] ** BigInt(count); m < count; m += 1) {
      product = (product / sizes[m]) * (sizes[m] + 1n);
      if (product > K) break;
      sizes[m] += 1n;
    }
    const target = sizes.reduce((sum, n) => sum + errors[Number(n) - 1], 0);
    const price = (errors[base - 1] - errors[base]) / Math.log((base + 1) / base);
    const reduced = errors.map((error, i) => error + price * Math.log(i + 1));
    const least = Math.min(...reduced), charge = price * logBig(K);
    const gap = Math.max(0, target - (count * least - charge)) + 1e-12 * (1 + target);
    if (price * Math.log(errors.length + 1) <= least + gap) throw new Error("too few levels are stored");
    const options = reduced.map((value, i) => [i + 1, value - least]).filter(([, excess]) => excess <= gap);
    let front = [{ product: 1n, cost: 0, excess: 0 }]; // none beats another in both product and cost
    for (let m = 0; m < count; m += 1) {
      const states = front.flatMap((state) => options.map(([n, excess]) => ({
        product: state.product * BigInt(n), cost: state.cost + errors[n - 1], excess: state.excess + excess,
      }))).filter((state) => state.product <= K && state.excess <= gap);
      states.sort((a, b) => (a.product < b.product ? -1 : a.product > b.product ? 1 : a.cost - b.cost));
      front = [];
      for (const state of states) if (!front.length || state.cost < front[front.length - 1].cost) front.push(state);
    }
    return front[front.length - 1].cost;
  }

  function cheapest(dim, price) { // the n that minimises dim / n^2 + price ln n
    const n = Math.max(1, Math.floor(Math.sqrt((2 * dim) / price)));
    const next = dim / (n + 1) ** 2 + price * Math.log(n + 1);
    return dim / n ** 2 + price * Math.log(n) <= next ? n : n + 1;
  }
  const product = (sizes) => sizes.reduce((all, n) => all * n, 1n);

  function priced(dims, K) { // by bisection, until the product of the cheapest sizes barely fits
    let low = 1e-300, high = 4 * Math.max(...dims), price;
    for (;;) {
      price = Math.sqrt(low) * Math.sqrt(high);
      if (!(low < price && price < high)) return { price, low, high };
      const fits = product(dims.map((dim) => BigInt(cheapest(dim, price)))) <= K;
      [low, high] = fits ? [low, price] : [price, high];
    }
  }

  function diagonal(K, blocks) { // least sum of d_m / (3 n_m^2), by branch and bound
    const most = 480 * blocks.length;
    if (K >= 1n << BigInt(most)) throw new Silent(`K is 2^${most} or more: see the sharp lower bounds`);
    const dims = [...blocks].sort((x, y) => y - x), { price, low, high } = priced(dims, K);
    const best = dims.map((dim) => BigInt(cheapest(dim, high)));
    let all = product(best); // spend what is left: on what a lower price buys, then block after block
    for (const buy of [(dim) => BigInt(cheapest(dim, low)), (_, rest) => K / rest]) {
      dims.forEach((dim, m) => {
        const rest = all / best[m], n = buy(dim, rest);
        if (rest * n <= K) [best[m], all] = [n, rest * n];
      });
    }
    const error = (dim, n) => dim / Number(n) ** 2, reduced = (dim, n) => dim / n ** 2 + price * Math.log(n);
    let cost = dims.reduce((sum, dim, m) => sum + error(dim, best[m]), 0), trials = 0;
    // blocks that cost the same and have product K: then means say that nothing is better
    const alike = (dim, m) => BigInt(dim) * best[0] ** 2n === BigInt(dims[0]) * best[m] ** 2n;
    if (all === K && dims.every(alike)) return cost / 3;
    const rest = [0];
    for (let m = dims.length - 1; m >= 0; m -= 1) rest.unshift(rest[0] + reduced(dims[m], cheapest(dims[m], price)));
    const charge = price * logBig(K);
    const visit = (m, left, previous, paid, spent) => { // `paid`: errors so far; `spent`: reduced costs
      if (m === dims.length - 1) {
        cost = Math.min(cost, paid + error(dims[m], left));
        return;
      }
      // blocks of equal dimension are interchangeable: sizes descend among them
      const top = Math.min(Number(left), m && dims[m] === dims[m - 1] ? previous : Infinity);
      const middle = Math.min(cheapest(dims[m], price), top);
      const enter = (n) => {
        const value = spent + reduced(dims[m], n);
        if (value + rest[m + 1] > (cost + charge) * (1 + 1e-12)) return false;
        trials += 1;
        if (trials > TRIALS) throw new Silent(`more than ${TRIALS} allocations to try: see the sharp lower bounds`);
        visit(m + 1, left / BigInt(n), n, paid + error(dims[m], n), value);
        return true;
      };
      for (let n = middle; n <= top && enter(n); n += 1);
      for (let n = middle - 1; n >= 1 && enter(n); n -= 1);
    };
    visit(0, K, Infinity, 0, 0);
    return cost / 3;
  }

  return { equal, diagonal };
})();
