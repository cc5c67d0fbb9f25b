r"""The displayed formulas of the report, in LaTeX: what the paper says, and what is true.

They repeat in display what `Claim.statement`, `Claim.sharp` and `Bound.formula` say in plain text. The
table of bounds that they belong to, ``theory/bounds``, is computed.
"""

from typing import NamedTuple


class Display(NamedTuple):
    """Formulas of a claim in LaTeX; empty where the words suffice."""

    paper: str = ""
    true: str = ""


_VQ = r"\mathcal{E}^*_{\mathrm{VQ}}"
_PQ = r"\mathcal{E}^*_{\mathrm{PQ}}"
_SQ = r"\mathcal{E}^*_{\mathrm{SQ}}"
_SUP = r"\underset{P}{\sup}"
_K = r"K^{-2/d_{\mathrm{eff}}}"
_DIAGONAL = r"\underset{\prod_m n_m \le K}{\min} \sum_{m=1}^{M} \frac{d_m}{3 n_m^2}"
_MATCHED = r"\lambda^* = \frac{f^{d/(d+2)}}{\int f^{d/(d+2)}}"
_SHANNON = r"\frac{d}{2 \pi e} \, e^{2 h(X)/d} \, K^{-2/d}"

CLAIMS = {
    "eq5.token-index": Display(
        r"r = r_1 + \sum_{m=2}^{M} \Bigl( \prod_{k<m} n_k \Bigr) r_m",
        r"r = 1 + \sum_{m=1}^{M} \Bigl( \prod_{k<m} n_k \Bigr) (r_m - 1)",
    ),
    "def1.input-bits": Display(r"Q_i = 32 \, h w d"),
    "def2.output-bits": Display(r"Q_o = h w \log_2 K", r"H(Z) \le \log_2 K"),
    "finding1.identity": Display(
        r"Q_o = 2 T \log_2 K = T \log_2 K^2", r"Q_o(2T, K) = Q_o(T, K^2), \qquad K^{2T} = (K^2)^T"
    ),
    "finding1.error": Display("", rf"{_VQ}(P, K^2) \le {_PQ}(P, (K, K))"),
    "prop1.a": Display(
        r"f^* = \operatorname{argmin}_f H(X \mid f(X)) \;\Rightarrow\; U(f^*) = 1",
        r"\underset{f}{\max} \; I(X; f(X)) = \log K \iff P(f(X) = k) = \tfrac{1}{K} \text{ for all } k",
    ),
    "prop1.b": Display(
        r"H(X \mid g) = \tfrac{3}{4} \log_2 3 - \tfrac{1}{2}",
        r"H(X \mid g) = \tfrac{3}{4} \log_2 3 - \tfrac{1}{4}",
    ),
    "theorem.utilization": Display(
        rf"\mathcal{{E}} \ge {_SHANNON.replace('K^', r'(U K)^')}",
    ),
    "theorem.rfid": Display(
        r"\sqrt{\mathrm{rFID}} \le \sqrt{\mathrm{FID}(x, D(z_e))} + L \sqrt{E \lVert z_e - z_q \rVert^2}"
    ),
    "scaling.vq": Display("", rf"{_VQ}(cX, K) = c^2 \, {_VQ}(X, K)"),
    "scaling.pq": Display("", rf"{_PQ}(cX, K) = c^2 \, {_PQ}(X, K)"),
    "scaling.sq": Display("", rf"{_SQ}(cX, K) = c^2 \, {_SQ}(X, K)"),
    "prop2.hierarchy": Display(rf"{_VQ}(P, K) \le {_PQ}(P, K, M) \le {_SQ}(P, K)"),
    "prop2.order": Display("", rf"{_SUP} {_SQ} \le \frac{{5 \pi}}{{4}} \, {_SUP} {_VQ} \quad (K \ge 2^d)"),
    "prop2.lower": Display(
        rf"{_SUP} {_VQ} \ge \frac{{d}}{{4 K^{{2/d}}}} \quad (K \ge 2^d)",
        rf"{_SUP} {_VQ} > \frac{{2}}{{\pi e}} \, d \, K^{{-2/d}}, \qquad "
        rf"\tfrac14 \text{{ holds for all }} K \iff G_d \ge \tfrac1{{16}}",
    ),
    "prop2.lower.practical": Display(
        rf"{_SUP} {_VQ} \ge \frac{{d}}{{4 K^{{2/d}}}} \quad (2^d \le K \le 16^d)",
        rf"{_SUP} {_VQ} \ge \frac{{d}}{{x^2}} \Bigl( \ln 2(x + a) - \tfrac12 \ln \pi - \tfrac1d \ln K \Bigr)",
    ),
    "prop2.lower.game": Display(
        rf"{_SUP} {_VQ} \ge \frac{{d}}{{16}} \quad (K = 2^d)",
        rf"\tfrac1d \, {_SUP} {_VQ} \ge D^*(R) = \max_{{s > 0}} \frac{{-\ln c(s) - R \ln 2}}{{s}}",
    ),
    "prop2.lower.proof": Display(
        r"E \ge \frac{r^2}{2}, \quad r = \sqrt{d} \, (2K)^{-1/d}",
        r"E \ge \frac{r^2}{2}, \quad r^d = \frac{2^d}{2 K V_d}",
    ),
    "prop2.upper": Display(
        rf"{_SUP} {_SQ} \le \frac{{8 d}}{{K^{{2/d}}}} \quad (K \ge 2^d)",
        rf"{_SUP} {_SQ} \le \frac{{5}}{{2e}} \, d \, K^{{-2/d}} \quad (K \ge 2^d)",
    ),
    "prop3.vq.upper": Display(
        rf"{_VQ}(P, K) \le 8 d \, d_{{\mathrm{{eff}}}} \, {_K}",
        rf"{_VQ}(P, K) \le \min \bigl( 9, \tfrac94 d_{{\mathrm{{eff}}}} \bigr) \, d \, {_K}"
        r"\quad (K \ge 2^{d_{\mathrm{eff}}})",
    ),
    "prop3.pq.lower": Display(
        rf"{_PQ}(P, K, M) \ge \frac{{M}}{{4}} K^{{-2/M}}",
        rf"{_PQ} = {_DIAGONAL} \ge \frac{{M}}{{3}} \Bigl( \prod_m d_m \Bigr)^{{1/M}} K^{{-2/M}}",
    ),
    "prop3.sq.lower": Display(
        rf"{_SQ}(P, K) \ge \frac{{d}}{{4}} K^{{-2/d}}", rf"{_SQ} \ge \frac{{d}}{{3}} K^{{-2/d}}"
    ),
    "prop3.manifolds": Display("", rf"N(r) \le (C/r)^k \;\Rightarrow\; {_VQ} \le C^2 K^{{-2/k}}"),
    "appendixJ.eq14": Display(r"H(X) = \tfrac12 \log_2 \bigl( (2 \pi e)^d \det S \bigr)"),
    "appendixJ.differential-entropy": Display("", r"H(X^{w}) = h(X) - d \log_2 w + o(1) \quad (w \to 0)"),
    "appendixF.mmd": Display(r"D^2(X, Y) = 0 \iff P_X = P_Y"),
    "appendixD.matched": Display(r"\lambda^* = f", _MATCHED),
    "theorem.panter-dite": Display(
        r"\underset{n \to \infty}{\lim} n^2 e_n = \frac{1}{12} \Bigl( \int f^{1/3} \Bigr)^3"
    ),
    "theorem.zador": Display(
        rf"\underset{{K \to \infty}}{{\lim}} K^{{2/d}} {_VQ} = d \, G_d \, \lVert f \rVert_{{d/(d+2)}}",
        r"\frac{1}{(d+2) V_d^{2/d}} \le G_d \le \frac{\Gamma(1 + 2/d)}{d \, V_d^{2/d}}",
    ),
    "theorem.point-density": Display(_MATCHED),
    "theorem.perplexity": Display(
        r"\underset{K \to \infty}{\lim \sup} \frac{\mathrm{PPL}}{K} \le e^{-\mathrm{KL}(f \Vert f^*)}"
    ),
    "theorem.shannon": Display(rf"\mathcal{{E}} \ge {_SHANNON}"),
    "theorem.water-filling": Display(
        r"D(R) = \sum_i \min(\theta, \lambda_i), \quad "
        r"R = \sum_i \max \bigl( 0, \tfrac12 \log_2 \tfrac{\lambda_i}{\theta} \bigr)"
    ),
    "theorem.entropy-coding": Display(r"\tfrac12 \log_2 \frac{\pi e}{6} = 0.2546 \text{ bit}"),
    "theorem.gains": Display(
        rf"\frac{{{_SQ}}}{{{_VQ}}} \to \frac{{G_1}}{{G_d}} \cdot "
        r"\frac{\prod_j \lVert f_j \rVert_{1/3}^{1/d}}{\lVert \prod_j f_j \rVert_{d/(d+2)}} \cdot "
        r"\frac{\lVert \prod_j f_j \rVert_{d/(d+2)}}{\lVert f \rVert_{d/(d+2)}}"
    ),
    "theorem.bennett": Display(r"\frac{1}{12 n^2} \int f g^{-2}"),
    "theorem.mismatch": Display(r"K^{2/d} \mathcal{E} \to d \, G_d \int f g^{-2/d}"),
}

_RATE = r"K^{-2/d}"
_EFFECTIVE = r"K^{-2/k}"
BOUNDS = {
    "prop2.lower.paper": rf"\tfrac14 \, d \, {_RATE}",
    "prop2.lower.sharp": rf"\tfrac{{2}}{{\pi e}} \, d \, {_RATE}",
    "prop2.lower.edge": r"d \max_{x \ge 16/9} "
    r"\tfrac{\ln 2(x + 0.7462) - \frac12 \ln \pi - \frac1d \ln K}{x^2}",
    "prop2.lower.game": r"d \max_{s > 0} \tfrac{-\ln c(s) - \frac1d \ln K}{s}",
    "prop2.lower.sphere": rf"\tfrac{{4d}}{{d+2}} V_d^{{-2/d}} {_RATE}",
    "prop2.lower.scalar": rf"\tfrac{{d}}{{3}} {_RATE}",
    "prop2.limit.zador": r"4 \, \Gamma(1 + \tfrac2d) \, V_d^{-2/d}",
    "prop2.upper.paper": rf"8 d \, {_RATE}",
    "prop2.upper.midpoint": rf"\tfrac94 \, d \, {_RATE}",
    "prop2.upper.sharp": rf"\tfrac{{5}}{{2e}} \, d \, {_RATE}",
    "prop2.upper.levels": r"d \, v_n, \quad n = \lfloor K^{1/d} \rfloor",
    "prop2.two_levels": r"\tfrac{d}{2e}",
    "prop3.vq.upper.paper": rf"8 d k \, {_EFFECTIVE}",
    "prop3.vq.upper.sharp": rf"\min(9, \tfrac94 k) \, d \, {_EFFECTIVE}",
    "prop3.vq.lower.sharp": rf"\tfrac{{2}}{{\pi e}} \, d \, {_EFFECTIVE}",
    "prop3.vq.diagonal": r"\tfrac{d}{3} K^{-2}",
    "prop3.pq.lower.paper": r"\tfrac{M}{4} K^{-2/M}",
    "prop3.pq.lower.sharp": r"\tfrac{M}{3} (\prod_m d_m)^{1/M} K^{-2/M}",
    "prop3.pq.exact": r"\min_{\prod n_m \le K} \sum_m \tfrac{d_m}{3 n_m^2}",
    "prop3.sq.lower.paper": rf"\tfrac{{d}}{{4}} {_RATE}",
    "prop3.sq.lower.sharp": rf"\tfrac{{d}}{{3}} {_RATE}",
    "prop3.sq.exact": r"\min_{\prod n_i \le K} \sum_i \tfrac{1}{3 n_i^2}",
}
"""Formulas of the bounds; k is the dimension of the support, M the number of blocks."""

QUANTIZERS = {
    "shannon": r"\tfrac{d}{2 \pi e} e^{2h/d} K^{-2/d}",
    "distortion-rate": r"d \, \sigma^2 K^{-2/d}",
    "zador.sphere": r"\tfrac{d}{d+2} V_d^{-2/d} \lVert f \rVert_{d/(d+2)} K^{-2/d}",
    "zador": r"d \, G_d \lVert f \rVert_{d/(d+2)} K^{-2/d}",
    "scalar-limit": r"\tfrac{d}{12} \prod_j \lVert f_j \rVert_{1/3}^{1/d} K^{-2/d}",
    "product-limit": r"d \prod_m (G_{d_m} \lVert f_m \rVert_{d_m/(d_m+2)})^{d_m/d} K^{-2/d}",
    "lfq": r"d (\sigma^2 - 2 \sigma \sqrt{2/\pi} + 1)",
    "bsq": r"d \sigma^2 - 2 \sigma \sqrt{2d/\pi} + 1",
}
"""Formulas of the calculator's other rows, where they have a short one."""
