"""All studies by name."""

from sims import equal_rate, low_dimensional_support, quantizer_variance, variance_scaling
from sims.study import Study

_MODULES = (variance_scaling, quantizer_variance, low_dimensional_support, equal_rate)
STUDIES: dict[str, Study] = {module.STUDY.name: module.STUDY for module in _MODULES}
