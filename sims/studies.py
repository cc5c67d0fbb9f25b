"""All studies by name."""

from sims import (
    codebook_density,
    equal_rate,
    finite_sample,
    low_dimensional_support,
    quantizer_variance,
    token_codebook,
    utilization,
    variance_scaling,
    worst_case_rates,
)
from sims.study import Study

_MODULES = (
    variance_scaling,
    quantizer_variance,
    equal_rate,
    low_dimensional_support,
    worst_case_rates,
    utilization,
    codebook_density,
    token_codebook,
    finite_sample,
)
STUDIES: dict[str, Study] = {module.STUDY.name: module.STUDY for module in _MODULES}
