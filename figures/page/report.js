"use strict";
const byId = (id) => document.getElementById(id);

// --- ledger: filters, and entries that open where a link leads ------------------------------------------
const entries = [...document.querySelectorAll(".claim")];
const controls = ["search", "verdict", "kind"].map(byId);
const texts = new Map(entries.map((entry) => [entry, `${entry.textContent} ${entry.dataset.plain}`.toLowerCase()]));

function filter() {
  const [text, verdict, kind] = controls.map((control) => control.value.trim().toLowerCase());
  const words = text.split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const entry of entries) {
    const match = (!verdict || entry.dataset.verdict === verdict)
      && (!kind || entry.dataset.kinds.split(" ").includes(kind))
      && words.every((word) => texts.get(entry).includes(word));
    entry.hidden = !match;
    shown += match;
  }
  byId("count").textContent = `${shown} of ${entries.length} shown`;
}

function openTarget() {
  const target = byId(decodeURIComponent(location.hash.slice(1)));
  if (!target || !target.matches("details")) return;
  if (target.hidden) { for (const control of controls) control.value = ""; filter(); }
  target.open = true;
  target.scrollIntoView();
}

for (const control of controls) control.addEventListener("input", filter);
byId("all").addEventListener("click", () => {
  const shown = entries.filter((entry) => !entry.hidden), open = !shown.every((entry) => entry.open);
  for (const entry of shown) entry.open = open;
});
addEventListener("hashchange", openTarget);

// --- paper: everything is open there --------------------------------------------------------------------
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false; });

// --- calculator -----------------------------------------------------------------------------------------
const SECTIONS = {
  "limit": "No quantizer of K words is below",
  "high rate": "What optimal quantizers approach as K grows",
  "quantizer": "Quantizers of this law",
  "worst case": "Worst cases over laws on [−1, 1]ᵈ, on its diagonal, on subspaces",
};

function problem() {
  const form = byId("problem"), value = (name) => form.elements[name].value.trim();
  const integer = (name, words, most) => {
    const text = value(name);
    if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > most) throw new RangeError(`${words} must be an integer from 1 to ${most}, got "${text}"`);
    return Number(text);
  };
  const d = integer("d", "d", 10000);
  const size = /^2\^(\d+)$/.exec(value("K"));
  if (size && Number(size[1]) > 100000) throw new RangeError(`K must be at most 2^100000, got 2^${size[1]}`);
  if (!size && !/^[1-9]\d{0,999}$/.test(value("K"))) throw new RangeError(`K must be a positive integer such as 4096 or 2^12, got "${value("K")}"`);
  const K = size ? 2n ** BigInt(size[1]) : BigInt(value("K"));
  const source = value("source"), k = source === "uniform" && value("k") ? integer("k", "dimension of the support", d) : 0;
  const variance = source === "uniform" ? 1 / 3 : Number(value("variance"));
  if (!(variance > 0 && Number.isFinite(variance))) throw new RangeError(`variance must be positive, got "${value("variance")}"`);
  let blocks = null;
  if (value("M")) {
    const dims = value("M").split(/[\s,]+/).map(Number);
    if (dims.some((dim) => !Number.isInteger(dim) || dim < 1)) throw new RangeError(`blocks must be positive integers, got "${value("M")}"`);
    blocks = dims.length === 1 && d % dims[0] === 0 ? Array(dims[0]).fill(d / dims[0]) : dims;
    const sum = blocks.reduce((x, y) => x + y, 0);
    if (dims.length === 1 && d % dims[0]) throw new RangeError(`M = ${dims[0]} does not divide d = ${d}: give the dimensions of the blocks`);
    if (sum !== d) throw new RangeError(`block dimensions must sum to d = ${d}, got ${sum}`);
  }
  return { source, d, K, k, blocks, variance };
}

const cell = (tag, content, attributes = {}) => {
  const element = document.createElement(tag);
  if (content instanceof Node) element.append(content); else element.textContent = content;
  return Object.assign(element, attributes);
};
const digits = (x) => (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6) ? x.toExponential(5) : String(Number(x.toPrecision(6))));

const decibels = (x) => (x === null ? "" : Math.abs(x) < 5e-4 ? "0.000" : x.toFixed(3));

function typeset(text) { // E*_VQ and [-1, 1]^d with their subscripts and superscripts
  const line = document.createElement("span");
  for (const part of text.replaceAll("[-1", "[−1").split(/(_[A-Z]{2}|\^d)/)) {
    if (/^_[A-Z]{2}$/.test(part)) line.append(cell("sub", part.slice(1)));
    else if (part === "^d") line.append(cell("sup", "d"));
    else line.append(part);
  }
  return line;
}

const AS_PRINTED = {
  refuted: "as printed: refuted, false at large K for d ≥ 65; proved up to K = 2^(4.04 d)",
  open: "as printed: open for d from 47 to 64; proved up to K = 2^(4.04 d)",
};

function judged(row) { // what is bounded, after a mark on a bound as printed that is not proved there
  const line = typeset(row.quantity);
  if (row.verdict !== "holds") line.prepend(cell("em", `(${AS_PRINTED[row.verdict]}) `, { className: row.verdict }));
  return line;
}

function formula(row) { // as MathML, where the page has it
  const stored = document.querySelector(`#formulas [data-bound="${row.name}"]`);
  return stored ? stored.firstElementChild.cloneNode(true) : row.formula;
}

function show() {
  const body = byId("rows"), message = byId("message");
  body.replaceChildren();
  const form = byId("problem").elements, cube = form.source.value === "uniform";
  form.k.disabled = !cube;
  form.variance.disabled = cube;
  let p;
  try { p = problem(); } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    message.textContent = error.message;
    message.className = "failed";
    return;
  }
  const { rows, silent } = calculator.calculate(p);
  const bits = calculator.logBig(p.K) / Math.LN2;
  message.className = "note";
  message.textContent = `${digits(bits)} bits a vector, ${digits(bits / p.d)} bits a dimension.`;
  let section = "";
  for (const row of rows) {
    if (row.section !== section) {
      section = row.section;
      const head = cell("th", SECTIONS[section], { colSpan: 7, scope: "rowgroup" });
      body.append(cell("tr", head));
    }
    const link = cell("a", row.name, { href: `#${row.claim}` });
    const line = [link, row.side, digits(row.value), digits(row.value / p.d), decibels(row.decibel), judged(row), formula(row)];
    const tr = document.createElement("tr");
    tr.dataset.name = row.name;
    tr.append(...line.map((content) => cell("td", content)));
    body.append(tr);
  }
  byId("silent").replaceChildren(...silent.map(({ name, reason }) => cell("li", `${name}: ${reason}`)));
  byId("command").textContent = ["python -m qtheory bounds", `--d ${p.d}`, `--K ${p.K}`, `--source ${p.source}`,
    p.k ? `--support-dim ${p.k}` : "", p.blocks ? `--block-dims ${p.blocks.join(" ")}` : "",
    p.source === "uniform" ? "" : `--variance ${p.variance}`].filter(Boolean).join(" ");
}

byId("problem").addEventListener("input", show);
byId("problem").addEventListener("submit", (event) => event.preventDefault());

filter();
show();
openTarget();
