"""Quantizers in torch, under the names of the paper's Table 3, and the references."""

from empirical.quantizers.base import Quantized, Quantizer, channels_first, channels_last
from empirical.quantizers.bsq import BSQQuantizer
from empirical.quantizers.ema import EMAQuantizer
from empirical.quantizers.fsq import FSQQuantizer
from empirical.quantizers.lfq import LFQQuantizer
from empirical.quantizers.mmd import MMDQuantizer
from empirical.quantizers.online import OnlineQuantizer
from empirical.quantizers.opq import OPQQuantizer
from empirical.quantizers.product import ProductQuantizer
from empirical.quantizers.reference import KMeansQuantizer, LloydMaxQuantizer
from empirical.quantizers.registry import PROTOCOLS, QUANTIZERS, REFERENCES, build, key_of
from empirical.quantizers.residual import MultiScaleQuantizer, ResidualQuantizer
from empirical.quantizers.usage import Usage
from empirical.quantizers.vanilla import VanillaQuantizer
from empirical.quantizers.wasserstein import WassersteinQuantizer

__all__ = [
    "PROTOCOLS",
    "QUANTIZERS",
    "REFERENCES",
    "BSQQuantizer",
    "EMAQuantizer",
    "FSQQuantizer",
    "KMeansQuantizer",
    "LFQQuantizer",
    "LloydMaxQuantizer",
    "MMDQuantizer",
    "MultiScaleQuantizer",
    "OPQQuantizer",
    "OnlineQuantizer",
    "ProductQuantizer",
    "Quantized",
    "Quantizer",
    "ResidualQuantizer",
    "Usage",
    "VanillaQuantizer",
    "WassersteinQuantizer",
    "build",
    "channels_first",
    "channels_last",
    "key_of",
]
