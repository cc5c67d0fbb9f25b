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
        Independent trainings of a method.
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
    repeated : tuple of str
        Quantizers that get all `trials`; every other one gets one.
    ablated : tuple of str
        Trained quantizers that also run with heads of 1x1 convolutions.
    crop : int
        Side of a crop, in pixels.
    train_crops : int
        Random crops of the training photographs, encoded once.
    heldout_photographs : int
        Most photographs to evaluate on.
    heldout_crops : int
        Most crops of each.
    codebook_size : int
        Codewords K of each half of the channels, the same for every method.
    head_width : int
        Hidden channels of a head.
    """

    methods: tuple[str, ...]
    repeated: tuple[str, ...]
    ablated: tuple[str, ...]
    crop: int
    train_crops: int
    heldout_photographs: int
    heldout_crops: int
    codebook_size: int
    head_width: int

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = ("crop", "train_crops", "heldout_photographs", "heldout_crops", "codebook_size", "head_width")
        for name in sizes:
            _check.integer(name, getattr(self, name))


PRESETS = {
    # seconds; the commands work, the numbers mean nothing
    "smoke": Preset(
        methods=("ema", "ema_vp2", "fsq"),
        repeated=(),
        ablated=("fsq",),
        crop=64,
        train_crops=32,
        heldout_photographs=4,
        heldout_crops=20,
        codebook_size=256,
        head_width=8,
        steps=4,
        batch_size=4,
        learning_rate=2e-3,
        trials=1,
    ),
    # all of Table 3; the seeds are for what tells the most, `--trials 3` repeats everything
    "pocket": Preset(
        methods=(
            *("vanilla", "ema", "online", "wasserstein", "mmd"),
            *("vanilla_vp2", "ema_vp2", "online_vp2", "wasserstein_vp2", "mmd_vp2"),
            *("fsq", "lfq", "bsq"),
        ),
        repeated=("kmeans", "lloyd_max", "ema", "ema_vp2", "fsq"),
        ablated=("ema", "ema_vp2", "fsq"),
        crop=64,
        train_crops=4096,
        heldout_photographs=1000,
        heldout_crops=8,
        codebook_size=256,
        head_width=32,  # nine times the parameters of the codebooks, as the published heads have ten
        steps=800,
        batch_size=32,
        learning_rate=2e-3,  # the paper's 1e-4 goes with 40,000 steps
        trials=3,
    ),
}

# of adaptation and of joint optimisation, which start from the transplants of the preset of that name
SECOND_STAGE = {
    "smoke": Budget(steps=4, batch_size=4, learning_rate=2e-4, trials=1),
    # a tenth of the first stage's learning rate, as in the paper
    "pocket": Budget(steps=120, batch_size=16, learning_rate=2e-4, trials=1),
}

# parts of the second stage after which a protocol that keeps the best one measures, as the published run did
# after each of five epochs
EPOCHS = {"smoke": 2, "pocket": 5}
