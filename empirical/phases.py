"""The three phases of the comparison on photographs: which cells each has, and what it starts from."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from empirical._tensor_file import opened
from empirical.head import REFERENCES, UNQUANTIZED
from empirical.job import SUBSTITUTION, Job
from empirical.launch_config import PhotographsPreset
from empirical.phase import Phase, Row
from empirical.variants import first_stage, image_recipe, substitution_recipe
from qtheory.errors import SchemaError
from qtheory.results import grid


class Substitution(Phase):
    """The substitution stage; its cells without quantizer or training are references for the others."""

    study = "substitution"
    command = "substitute"
    version = 4
    training = 3

    @classmethod
    def points(cls, preset: PhotographsPreset) -> tuple[Row, ...]:
        """Return methods and heads of the comparison, in the order of the table."""
        return (
            *grid(method=[UNQUANTIZED], head=["none"]),
            *grid(method=REFERENCES, head=["none"]),
            *grid(method=preset.methods, head=["none", "full"]),
            *grid(method=preset.ablated, head=["1x1"]),
        )

    @classmethod
    def loss(cls, protocol: str) -> str:
        """Return the loss in words."""
        return substitution_recipe(protocol).loss

    @classmethod
    def trials(cls, job: Job, method: str) -> int:
        """Return the number of independent trainings; the tokenizer alone has nothing to train."""
        return 1 if method == UNQUANTIZED else super().trials(job, method)


def _require(path: Path, digest: str, command: str, table: Path) -> None:
    """Raise unless a transplant of the configuration is stored."""
    if not path.exists():
        # a table without its trainings would be taken for done
        lost = f"remove {table.with_suffix('.*')} and then " if table.exists() else ""
        raise FileNotFoundError(
            f"{path} does not exist: this phase starts from trained transplants; {lost}run `{command}` first"
        )
    with opened(path) as (_, metadata):
        stored = metadata.get("digest")
    if stored != digest:
        raise SchemaError(
            f"{path} must hold a transplant of this configuration, got one of another; run `{command}` first"
        )


class SecondStage(Phase):
    """A phase that starts from the transplants that the substitution stage stored.

    The trained methods keep their heads; references have none and keep their codewords. The tokenizer
    alone, without a quantizer, is the control: what it gains comes from the training.

    Attributes
    ----------
    references : tuple of str
        Fitted quantizers that take part.
    """

    references: ClassVar[tuple[str, ...]]

    @classmethod
    def points(cls, preset: PhotographsPreset) -> tuple[Row, ...]:
        """Return the control, the references and the trained methods, these with heads."""
        bare = grid(method=[UNQUANTIZED, *cls.references], head=["none"])
        return (*bare, *grid(method=preset.methods, head=["full"]))

    @classmethod
    def loss(cls, protocol: str) -> str:
        """Return the loss in words."""
        return image_recipe(cls.study, protocol).loss

    @classmethod
    def prepared(cls, job: Job) -> Job:
        """Return the job with the digest of the transplants, after a check that all are there.

        Raises
        ------
        FileNotFoundError, SchemaError
            If a transplant is missing or of another configuration.
        """
        first = replace(job, protocol=first_stage(job.protocol))
        job = replace(job, start=Substitution.training_digest(first))
        for cell in cls.sweep(job).cells():
            if cell.parameters["method"] != UNQUANTIZED:
                path = job.file(cell, ".safetensors", SUBSTITUTION)
                _require(path, job.start, first.command(Substitution.command), job.table(SUBSTITUTION))
        return job


class Adaptation(SecondStage):
    """Decoder adaptation; which layers beside the decoder learn is a matter of the protocol."""

    study = "adaptation"
    command = "adapt"
    version = 2
    training = 2
    references = REFERENCES  # all of them: a decoder can learn any fixed codewords


class Joint(SecondStage):
    """Joint optimisation."""

    study = "joint"
    command = "joint"
    version = 2
    training = 2
    # their codewords stay while the latents move, so they are best no longer: controls, of which the ends
    # of the scale will do, near the best vector quantizer and the best scalar one
    references = ("kmeans", "lloyd_max")


PHASES: tuple[type[Phase], ...] = (Substitution, Adaptation, Joint)
