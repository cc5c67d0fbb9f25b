"""Where the settings of the quantizers differ between the protocols."""

from empirical._quirk import RUN, Quirk
from empirical.quantizers.product import HEADS_DECAY

_GRADIENT = ("vanilla", "online", "wasserstein", "mmd")
_GRADIENT_VP2 = ("vanilla_vp2", "online_vp2", "wasserstein_vp2", "mmd_vp2")
_PRODUCT_RATES = (
    "stored trainer of the products: its decay is commented out, for heads and codebooks; whether the "
    "published run had it is unknown; Appendix G has a linear decay"
)

_LOSSES = (
    Quirk(
        "commitment beta",
        ("vanilla", "ema", "online", "mmd", "vanilla_vp2", "ema_vp2", "online_vp2"),
        "commitment",
        f"{RUN}; Appendix L names 0.25, for joint optimisation alone, as van den Oord et al. (2017) have it",
    ),
    Quirk(
        "commitment beta",
        ("wasserstein", "wasserstein_vp2", "mmd_vp2"),
        "commitment",
        f"{RUN}: what Appendix G calls gamma of the Wasserstein quantizers; 0.25 as for the others",
    ),
    Quirk(
        "commitment beta",
        ("fsq",),
        "commitment",
        f"{RUN}; FSQ has no such loss (Mentzer et al. 2024); a later run without it is better",
    ),
    Quirk(
        "commitment beta",
        ("lfq",),
        "commitment",
        f"{RUN}: the only loss of the quantizer; 0.25 is that of the method's authors (Yu et al. 2024)",
    ),
    Quirk(
        "commitment beta",
        ("bsq",),
        "commitment",
        f"{RUN}: the only loss of the quantizer; Zhao et al. (2025) have none; fair is what the others have",
    ),
    Quirk(
        "entropy term",
        ("lfq",),
        "entropy",
        f"{RUN}: none, against the advice of Yu et al. (2024)",
    ),
    Quirk(
        "entropy term",
        ("bsq",),
        "entropy",
        f"{RUN}: none; Zhao et al. (2025) have one, and no commitment",
    ),
    Quirk(
        "inverse temperature of the entropy term",
        ("lfq",),
        "inverse_temperature",
        "without effect in the published run, which has no entropy; 100 is the default of a library, where "
        "only coordinates within 0.01 of zero get a gradient",
    ),
    Quirk(
        "coefficient gamma",
        ("wasserstein",),
        "gamma",
        f"{RUN}; the 0.2 of Appendix G is the commitment of the run",
    ),
    Quirk(
        "coefficient gamma",
        ("wasserstein_vp2",),
        "gamma",
        f"{RUN}; Appendix G says 0.2, and 0.5 of MMD VP2 alone",
    ),
    Quirk(
        "coefficient gamma",
        ("mmd",),
        "gamma",
        f"{RUN}; Appendix G says 0.5, which the run had in MMD VP2 alone",
    ),
    Quirk(
        "pairs of a vector with itself left out",
        ("mmd", "mmd_vp2"),
        "unbiased",
        f"{RUN}: kept, so that the distance of equal distributions is not zero",
    ),
    Quirk(
        "most vectors and codewords of a step's distance",
        ("mmd", "mmd_vp2"),
        "rows",
        f"{RUN}: every pair of a batch and a codebook; the paper does not say; fair draws that many anew "
        "in each step",
    ),
    Quirk(
        "added to variances and eigenvalues",
        ("wasserstein", "wasserstein_vp2"),
        "floor",
        f"{RUN}; the distance itself has no such term, which slows a codebook near the origin",
    ),
    Quirk(
        "gradient times 1/sqrt(d)",
        ("bsq",),
        "scaled_gradient",
        f"{RUN}: it scaled after the straight-through step",
    ),
)

_CODEBOOKS = (
    Quirk(
        "codewords start from data",
        _GRADIENT + _GRADIENT_VP2,
        "data_init",
        f"{RUN}: uniform in +-1/K, 1.5e-5 at K = 65536; the paper does not say",
    ),
    Quirk(
        "codewords start from data",
        ("ema", "ema_vp2"),
        "data_init",
        f"{RUN}: noise of deviation 1/K; the paper does not say",
    ),
    Quirk(
        "queue starts from noise",
        ("wasserstein", "wasserstein_vp2"),
        "noise_queue",
        f"{RUN}: the first steps match noise",
    ),
    Quirk(
        "learning rate of the codebook over that of the heads",
        ("wasserstein", "mmd"),
        "learning_rate_ratio",
        f"{RUN}: 1e-2 beside 1e-4; vanilla and online have 1; Appendix G names one learning rate",
    ),
    Quirk(
        "learning rate of the codebook over that of the heads",
        ("wasserstein_vp2", "mmd_vp2"),
        "learning_rate_ratio",
        f"{RUN}: 5e-4 beside 1e-4; the other products have 1; Appendix G names one learning rate",
    ),
    Quirk(
        "learning rate of the codebook decays",
        ("wasserstein", "mmd"),
        "decays",
        f"{RUN}: constant; that of the heads alone falls to a tenth, and vanilla and online share it; "
        "Appendix G has a linear decay",
    ),
    Quirk(
        "learning rate of the codebook decays",
        _GRADIENT_VP2,
        "decays",
        _PRODUCT_RATES,
    ),
    Quirk(
        "learning rate of the heads decays in substitution",
        tuple(f"{name}_vp2" for name in ("vanilla", "ema", *_GRADIENT[1:])),
        lambda p: HEADS_DECAY[p],
        f"{_PRODUCT_RATES}; the heads of all other methods fall to a tenth",
    ),
    Quirk(
        "decay of the averages",
        ("ema", "ema_vp2"),
        "decay",
        f"{RUN}: the default of a library; Razavi et al. (2019) have 0.99",
    ),
    Quirk(
        "epsilon added to the counts",
        ("ema", "ema_vp2"),
        "epsilon",
        f"{RUN}, and Razavi et al. (2019): codewords never hit start at their noise over epsilon, a hidden "
        "revival; fair revives openly",
    ),
    Quirk(
        "revival below this share of the mean count",
        ("ema", "ema_vp2"),
        "revive_below",
        f"{RUN}: none on purpose, but epsilon revives codewords that were never hit",
    ),
    Quirk(
        "anchor of unused codewords",
        ("online", "online_vp2"),
        "anchor",
        f"{RUN}: a slip of sign; Zheng and Vedaldi (2023) take the closest vector",
    ),
    Quirk(
        "statistics of all processes",
        ("vanilla", "ema", *_GRADIENT[1:], "vanilla_vp2", "ema_vp2", *_GRADIENT_VP2[1:]),
        "synced",
        f"{RUN}: two replicas that never met, but for the counts of Online VQ; utilization was counted over "
        "both",
    ),
)

QUIRKS = _LOSSES + _CODEBOOKS
