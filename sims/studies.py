"""All studies by name."""

from sims import low_dimensional_support, quantizer_variance, variance_scaling
from sims.study import Study

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (variance_scaling.STUDY, quantizer_variance.STUDY, low_dimensional_support.STUDY)
}
