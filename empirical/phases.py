"""The three phases of the comparison on photographs: their versions, and what they start from."""

from dataclasses import replace
from pathlib import Path

from empirical.checkpoint import header_of
from empirical.head import UNQUANTIZED
from empirical.job import SUBSTITUTION, Job
from empirical.phase import Phase
from empirical.variants import first_stage
from qtheory.errors import SchemaError


class Substitution(Phase):
    """The substitution stage; its cells without quantizer or training are references for the others."""

    study = "substitution"
    command = "substitute"
    version = 4
    training = 3


def _require(path: Path, digest: str, command: str, table: Path) -> None:
    """Raise unless a transplant of the configuration is stored."""
    if not path.exists():
        # a table without its trainings would be taken for done
        lost = f"remove {table.with_suffix('.*')} and then " if table.exists() else ""
        raise FileNotFoundError(
            f"{path} does not exist: this phase starts from trained transplants; {lost}run `{command}` first"
        )
    if not header_of(path, digest):
        raise SchemaError(
            f"{path} must hold a transplant of this configuration, got one of another; run `{command}` first"
        )


class SecondStage(Phase):
    """A phase that starts from the transplants that the substitution stage stored.

    The trained methods keep their heads; references have none and keep their codewords.
    """

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
        for cell in cls.cells(job):
            if cell.start is not None and cell.method != UNQUANTIZED:
                path = job.file(cell.start, ".safetensors")
                _require(path, job.start, first.command(Substitution.command), job.table(SUBSTITUTION))
        return job


class Adaptation(SecondStage):
    """Decoder adaptation; which layers beside the decoder learn is a matter of the protocol."""

    study = "adaptation"
    command = "adapt"
    version = 2
    training = 2


class Joint(SecondStage):
    """Joint optimisation."""

    study = "joint"
    command = "joint"
    version = 2
    training = 2


PHASES: tuple[type[Phase], ...] = (Substitution, Adaptation, Joint)
