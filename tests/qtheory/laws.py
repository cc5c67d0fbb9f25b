"""Laws that several tests of limits share."""

import numpy as np

from qtheory.sources import Gaussian, Laplace, LogConcave, Uniform

LINE = {
    "gaussian": Gaussian(1, 2.0, mean=1.0),
    "laplace": Laplace(1),
    "uniform": Uniform(1),
    "logistic": LogConcave(lambda x: -x - 2 * np.log1p(np.exp(-x))),
}
CORRELATED = Gaussian(3, covariance=[[2.0, 0.8, 0.1], [0.8, 1.0, 0.3], [0.1, 0.3, 0.5]])
