"""All studies by name."""

from sims import (
    codebook_density,
    equal_rate,
    low_dimensional_support,
    quantizer_variance,
    utilization,
    variance_scaling,
)
from sims.study import Study

_MODULES = (
    variance_scaling,
    quantizer_variance,
    low_dimensional_support,
    equal_rate,
    utilization,
    codebook_density,
)
STUDIES: dict[str, Study] = {module.STUDY.name: module.STUDY for module in _MODULES}
