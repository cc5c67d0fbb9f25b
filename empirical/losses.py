"""Adversarial losses of decoder adaptation, the term lambda_G L_GAN of equation (11)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from empirical.processes import summed_over_ranks
from qtheory import _check
from qtheory.errors import DomainError, ShapeError

_LARGEST_WEIGHT = 1e4


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe:
    """Coefficients of the adversarial training.

    Attributes
    ----------
    perceptual : float
        Coefficient lambda_P of LPIPS.
    adversarial : float
        Coefficient lambda_G of the generator's loss, on top of the adaptive weight.
    hinge : float
        Coefficient of the hinge loss of the discriminator.
    lecam : float
        Coefficient of LeCAM, inside of that of the hinge loss.
    lecam_decay : float
        Weight of the past in LeCAM's moving averages.
    consistency : float
        Coefficient of the difference between logits of a weak and a strong view.
    discriminator_learning_rate : float
        Of the discriminator, constant.
    moves_in_generator_step : bool
        Whether the discriminator is in training mode in the generator's step, where statistics of
        batch and spectral norm then move.
    synced : bool
        Average LeCAM's logits and the adaptive weight's gradients over all processes.
    warmup_steps : int
        Steps at the start in which the discriminator learns and the generator does not hear it.
    """

    perceptual: float = 1.0
    adversarial: float
    hinge: float
    lecam: float = 0.001
    lecam_decay: float = 0.999
    consistency: float = 4.0
    discriminator_learning_rate: float
    moves_in_generator_step: bool
    synced: bool
    warmup_steps: int = 0


ADAPTATION: dict[str, AdversarialRecipe] = {
    # lambda_G = 0.4 reached the discriminator's loss and not the generator's; consistency then weighs
    # 20 times one hinge term, and the discriminator stays at chance
    "as_run": AdversarialRecipe(
        adversarial=1.0,
        hinge=0.4,
        discriminator_learning_rate=1e-5,
        moves_in_generator_step=True,
        synced=False,
    ),
    # Appendix G gives lambda_G and one learning rate; the rest follows the articles it cites
    "paper": AdversarialRecipe(
        adversarial=0.4,
        hinge=1.0,
        discriminator_learning_rate=1e-5,
        moves_in_generator_step=False,
        synced=True,
    ),
    # a discriminator that learns: ten times the generator's rate, a thousand steps ahead of it, and
    # consistency at 8 hinge terms
    "fair": AdversarialRecipe(
        adversarial=0.4,
        hinge=1.0,
        discriminator_learning_rate=1e-4,
        moves_in_generator_step=False,
        synced=True,
        warmup_steps=1000,
    ),
}


def hinge_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return half of mean max(0, 1 - real) + mean max(0, 1 + fake).

    Parameters
    ----------
    real, fake : (...) tensor
        Logits of photographs and of reconstructions.

    Examples
    --------
    >>> float(hinge_loss(torch.zeros(4), torch.zeros(4)))  # a discriminator at chance
    1.0
    """
    return (functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()) / 2


def generator_loss(fake: Tensor) -> Tensor:
    """Return minus the mean logit of reconstructions."""
    return -fake.mean()


def consistency_loss(weak: Tensor, strong: Tensor) -> Tensor:
    """Return the mean squared difference of the logits of two views of the same images.

    Parameters
    ----------
    weak, strong : (B, T) tensor
        Logits of photographs and reconstructions one after another; gradients reach both.

    Raises
    ------
    ShapeError
        If the shapes differ.

    References
    ----------
    Zhao, Singh, Lee, Zhang, Odena, Zhang (2021), Improved Consistency Regularization for GANs (bCR).
    """
    if weak.shape != strong.shape:
        raise ShapeError(f"weak and strong must have one shape, got {weak.shape} and {strong.shape}")
    return (weak - strong).square().mean()


class LeCAM(nn.Module):
    """Regulariser that keeps logits near moving averages of the logits of the other kind.

    Parameters
    ----------
    decay : float
        Weight of the past, in [0, 1).
    synced : bool
        Take the mean logits over all processes.

    Attributes
    ----------
    real, fake : () tensor
        The moving averages, in float64; zero at the start.

    References
    ----------
    Tseng, Jiang, Liu, Yang, Yang (2021), Regularizing Generative Adversarial Networks under Limited
    Data; one-sided as in their code.

    Examples
    --------
    >>> lecam = LeCAM(decay=0.5, synced=True)
    >>> float(lecam(torch.tensor([2.0]), torch.tensor([-2.0])))  # averages are 1 and -1
    18.0
    """

    real: Tensor
    fake: Tensor

    def __init__(self, decay: float, *, synced: bool) -> None:
        super().__init__()
        if _check.real("decay", decay, minimum=0.0) >= 1:
            raise DomainError(f"decay must be less than 1, got {decay:g}")
        self.decay, self.synced = decay, synced
        self.register_buffer("real", torch.zeros((), dtype=torch.float64))
        self.register_buffer("fake", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def _move(self, real: Tensor, fake: Tensor) -> None:
        sums = [real.double().sum(), fake.double().sum()]
        counts = [real.new_tensor(float(n.numel()), dtype=torch.float64) for n in (real, fake)]
        statistics = summed_over_ranks(torch.stack(sums + counts), synced=self.synced)
        means = statistics[:2] / statistics[2:]
        for average, mean in zip((self.real, self.fake), means, strict=True):
            average.lerp_(mean, 1 - self.decay)

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        """Update the averages in training mode, then return the regulariser.

        Parameters
        ----------
        real, fake : (...) tensor
            Logits of photographs and of reconstructions.

        Returns
        -------
        () tensor
            mean max(0, real - average fake)^2 + mean max(0, average real - fake)^2.
        """
        if self.training:
            self._move(real, fake)
        above = functional.relu(real - self.fake.to(real)).square().mean()
        below = functional.relu(self.real.to(fake) - fake).square().mean()
        return above + below


def adaptive_weight(
    reconstruction: Tensor, adversarial: Tensor, layer: nn.Parameter, *, synced: bool, epsilon: float = 1e-4
) -> Tensor:
    """Return the weight that gives two losses gradients of equal norm at the decoder's last layer.

    Parameters
    ----------
    reconstruction, adversarial : () tensor
        Loss of the reconstruction, and the generator's; their graphs are kept.
    layer : torch.nn.Parameter
        Weight of the last layer.
    synced : bool
        Take the norms of gradients averaged over all processes, which then share one weight.
    epsilon : float, optional
        Added to the norm of the adversarial gradient.

    Returns
    -------
    () tensor
        Ratio of the norms in [0, 1e4], without gradient.

    Raises
    ------
    DomainError
        If a gradient is NaN or infinite.

    References
    ----------
    Esser, Rombach, Ommer (2021), Taming Transformers for High-Resolution Image Synthesis, equation (7).
    """
    norms = []
    for name, loss in (("reconstruction", reconstruction), ("adversarial", adversarial)):
        (gradient,) = torch.autograd.grad(loss, layer, retain_graph=True)
        # the number of processes divides out of the mean only, epsilon needs the mean itself
        total = summed_over_ranks(torch.cat([gradient.flatten(), gradient.new_ones(1)]), synced=synced)
        norm = (total[:-1] / total[-1]).norm()
        if not torch.isfinite(norm):
            raise DomainError(f"gradient of {name} must be finite, got norm {norm.item()}")
        norms.append(norm)
    return (norms[0] / (norms[1] + epsilon)).clamp(max=_LARGEST_WEIGHT)
