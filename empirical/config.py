"""Presets of the comparison: sizes and budgets, as literal data."""

from dataclasses import dataclass

from qtheory import _check


@dataclass(frozen=True)
class Budget:
    """Budget of a phase.

    Attributes
    ----------
    steps : int
        Optimizer steps.
    batch_size : int
        Crops a step.
    learning_rate : float
        First learning rate of AdamW.
    trials : int
        Independent trainings of each method.
    """

    steps: int
    batch_size: int
    learning_rate: float
    trials: int

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "trials"):
            _check.integer(name, getattr(self, name))
        _check.real("learning_rate", self.learning_rate, above=0)


@dataclass(frozen=True)
class Preset(Budget):
    """Sizes of the comparison and budget of the substitution stage.

    Attributes
    ----------
    methods : tuple of str
        Trained quantizers; each runs without heads and with them. The references always run.
    crop : int
        Side of a crop, in pixels.
    train_crops : int
        Random crops of the training photographs, encoded once.
    heldout_photographs : int
        Most photographs to evaluate on.
    codebook_size : int
        Codewords K of each half of the channels, the same for every method.
    head_width : int
        Hidden channels of a head.
    """

    methods: tuple[str, ...]
    crop: int
    train_crops: int
    heldout_photographs: int
    codebook_size: int
    head_width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("crop", "train_crops", "heldout_photographs", "codebook_size", "head_width"):
            _check.integer(name, getattr(self, name))


PRESETS = {
    # seconds; the commands work, the numbers mean nothing
    "smoke": Preset(
        methods=("ema", "ema_vp2", "fsq"),
        crop=64,
        train_crops=32,
        heldout_photographs=4,
        codebook_size=256,
        head_width=8,
        steps=4,
        batch_size=4,
        learning_rate=2e-3,
        trials=1,
    ),
    # about 5 minutes on two free cores; held-out NMSE after the heads about 0.22 for EMA VQ and 0.26 for
    # EMA VP2 and FSQ; without heads 0.27 for k-means, 0.27, 0.36 and 0.55 for those, 0.45 for optimal SQ
    "pocket": Preset(
        methods=("ema", "ema_vp2", "fsq"),
        crop=64,
        train_crops=4096,
        heldout_photographs=1000,
        codebook_size=256,
        head_width=64,
        steps=1200,
        batch_size=32,
        learning_rate=2e-3,  # the paper's 1e-4 goes with 40,000 steps
        trials=3,
    ),
}

# of adaptation and of joint optimisation, which start from the transplants of the preset of that name
SECOND_STAGE = {
    "smoke": Budget(steps=4, batch_size=4, learning_rate=2e-4, trials=1),
    # a tenth of the first stage's learning rate, as in the paper. Adaptation of three methods takes about
    # 3 minutes on two free cores, joint optimisation 4. Held-out PSNR of EMA VQ, EMA VP2, FSQ: 25.5, 24.6
    # and 25.6 dB before, 25.6, 25.0 and 26.1 adapted, 25.4, 24.0 and 25.9 joint, where the variance of the
    # latents falls from 0.93 to 0.16 and 0.15 (FSQ: rises to 1.15), and the latent error with it
    "pocket": Budget(steps=400, batch_size=32, learning_rate=2e-4, trials=1),
}
