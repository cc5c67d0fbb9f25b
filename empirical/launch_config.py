"""Sizes and budgets of a comparison, streamed from a folder or on photographs in memory, as literal data."""

from dataclasses import dataclass

from empirical.config import Budget
from empirical.variants import conduct
from qtheory.results.comparison import FAMILIES

SECOND_STAGE = ("adaptation", "joint")


@dataclass(frozen=True, kw_only=True)
class LaunchPreset:
    """Sizes and budgets of a comparison.

    Attributes
    ----------
    size : int
        Side of the crops, in pixels.
    channels : int
        Latent channels of the tokenizer.
    codebook_size, chunks : int
        Codewords K of each quantizer, and quantizers a position, in Tables 3 and 7.
    codebook_sizes : tuple of int
        K of Table 4; like those of Tables 5 and 6 none where a comparison goes without.
    token_chunks, token_codebook_size : tuple of int, int
        Quantizers a position in Table 5, and their K.
    splits : tuple of int
        K of Table 6 in its finer form: with twice the quantizers it stands beside K^2.
    head_width, head_groups : int
        Hidden channels of the heads, and groups of their normalizations.
    first, second : Budget
        Of substitution; of adaptation and joint optimisation. Batches are those of all processes, and
        what a protocol makes of them says `empirical.protocol.CONDUCT`.
    epochs : int
        Epochs of the second stage, after each of which the published run was evaluated.
    views : int
        Crops of a training image in the cache of latents.
    networks : bool
        Train with LPIPS and the discriminator and measure with Inception, for which ``--weights``
        is needed; else with pixels alone, and measure with EfficientNet-Lite0.
    images : int
        Training images that the budget and the costs are made for.
    heldout : int
        Most images to evaluate on.
    """

    size: int
    channels: int
    codebook_size: int
    chunks: int
    codebook_sizes: tuple[int, ...] = ()
    token_chunks: tuple[int, ...] = ()
    token_codebook_size: int = 0
    splits: tuple[int, ...] = ()
    head_width: int
    head_groups: int
    first: Budget
    second: Budget
    epochs: int
    views: int
    networks: bool
    images: int
    heldout: int

    def budget(self, phase: str, protocol: str, method: str) -> Budget:
        """Return the budget of a method's trainings in a phase."""
        second_stage = phase in SECOND_STAGE
        own = self.second if second_stage else self.first
        return conduct(protocol).budget(own, method, second_stage=second_stage)


@dataclass(frozen=True, kw_only=True)
class PhotographsPreset(LaunchPreset):
    """Sizes and budgets of a comparison on a few photographs, whose crops are held in memory.

    Its `images` are random crops of the training photographs, its `heldout` photographs with several
    crops each.

    Attributes
    ----------
    heldout_crops : int
        Most crops of a held-out photograph.
    methods : tuple of str
        Trained quantizers; each is substituted without heads and with them. The references always are.
    repeated : tuple of str
        Quantizers that get all trials of a budget; every other one gets one.
    ablated : tuple of str
        Trained quantizers that are also substituted with heads of 1x1 convolutions.
    """

    heldout_crops: int
    methods: tuple[str, ...] = tuple(FAMILIES)
    repeated: tuple[str, ...]
    ablated: tuple[str, ...]
    views: int = 1
    networks: bool = False


PRESETS = {
    # one method in every table and phase, on the packaged photographs: what a launch does, in about a
    # minute; its numbers mean nothing
    "smoke": LaunchPreset(
        size=64,
        channels=16,
        codebook_size=256,
        chunks=2,
        codebook_sizes=(256,),
        token_chunks=(2,),
        token_codebook_size=256,
        splits=(16,),
        head_width=8,
        head_groups=8,
        first=Budget(steps=4, batch_size=8, learning_rate=2e-3, trials=1),
        second=Budget(steps=4, batch_size=8, learning_rate=2e-4, trials=1),
        epochs=2,
        views=1,
        networks=False,
        images=95,
        heldout=8,
    ),
    # Section 5 and Appendices G, H, K, L at the size of the paper; what it costs, `--dry-run` says.
    # The published run and the paper share numbers of steps: 2 and 5 epochs of batches of 64
    "paper": LaunchPreset(
        size=256,
        channels=32,
        codebook_size=65536,
        chunks=2,
        codebook_sizes=tuple(2**k for k in range(10, 17)),
        token_chunks=(1, 2, 4, 8),
        token_codebook_size=16384,
        splits=(128, 256),
        head_width=1024,
        head_groups=32,
        first=Budget(steps=40_036, batch_size=64, learning_rate=1e-4, trials=3),
        second=Budget(steps=100_090, batch_size=64, learning_rate=1e-5, trials=3),
        epochs=5,
        views=2,
        networks=True,
        images=1_281_167,
        heldout=50_000,
    ),
    # a small tokenizer on any folder, from 256 codes to 65536: a budget that ends on a CPU,
    # one and a half times the pixels of the pocket comparison in the first stage, three times in the second
    "desk": LaunchPreset(
        size=128,
        channels=16,
        codebook_size=256,
        chunks=2,
        codebook_sizes=(256, 1024, 4096, 16384, 65536),
        token_chunks=(1, 2, 4),
        token_codebook_size=4096,
        splits=(64, 256),
        head_width=64,
        head_groups=8,
        first=Budget(steps=600, batch_size=16, learning_rate=2e-3, trials=1),
        second=Budget(steps=80, batch_size=16, learning_rate=2e-4, trials=1),
        epochs=1,
        views=8,
        networks=False,
        images=600,
        heldout=1000,
    ),
}

# of the comparison on the packaged photographs
PHOTOGRAPHS = {
    # seconds; the commands work, the numbers mean nothing
    "smoke": PhotographsPreset(
        size=64,
        channels=16,
        codebook_size=256,
        chunks=2,
        head_width=8,
        head_groups=8,
        first=Budget(steps=4, batch_size=4, learning_rate=2e-3, trials=1),
        second=Budget(steps=4, batch_size=4, learning_rate=2e-4, trials=1),
        epochs=2,
        images=32,
        heldout=4,
        heldout_crops=20,
        methods=("ema", "ema_vp2", "fsq"),
        repeated=(),
        ablated=("fsq",),
    ),
    # all of Table 3; the seeds are for what tells the most, `--trials 3` repeats everything
    "pocket": PhotographsPreset(
        size=64,
        channels=16,
        codebook_size=256,
        chunks=2,
        head_width=32,  # nine times the parameters of the codebooks, as the published heads have ten
        head_groups=8,
        # the paper's 1e-4 goes with 40,000 steps; its second stage has a tenth of that too
        first=Budget(steps=800, batch_size=32, learning_rate=2e-3, trials=3),
        second=Budget(steps=120, batch_size=16, learning_rate=2e-4, trials=1),
        epochs=5,
        images=4096,
        heldout=1000,
        heldout_crops=8,
        repeated=("kmeans", "lloyd_max", "ema", "ema_vp2", "fsq"),
        ablated=("ema", "ema_vp2", "fsq"),
    ),
}

# presets that launch no more than these trained methods, unless others are asked for
METHODS = {"smoke": ("mmd",)}
