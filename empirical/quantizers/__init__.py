"""Quantizers in torch, under the names of the paper's Table 3, and the references."""

from empirical.quantizers.base import Quantized, Quantizer, channels_first, channels_last
from empirical.quantizers.bsq import BSQQuantizer
from empirical.quantizers.ema import EMAQuantizer
from empirical.quantizers.fsq import FSQQuantizer
from empirical.quantizers.lfq import LFQQuantizer
from empirical.quantizers.mmd import MMDQuantizer
from empirical.quantizers.online import OnlineQuantizer
from empirical.quantizers.product import ProductQuantizer
from empirical.quantizers.reference import KMeansQuantizer, LloydMaxQuantizer
from empirical.quantizers.registry import PROTOCOLS, QUANTIZERS, build, key_of
from empirical.quantizers.vanilla import VanillaQuantizer
from empirical.quantizers.wasserstein import WassersteinQuantizer

__all__ = [
    "PROTOCOLS",
    "QUANTIZERS",
    "BSQQuantizer",
    "EMAQuantizer",
    "FSQQuantizer",
    "KMeansQuantizer",
    "LFQQuantizer",
    "LloydMaxQuantizer",
    "MMDQuantizer",
    "OnlineQuantizer",
    "ProductQuantizer",
    "Quantized",
    "Quantizer",
    "VanillaQuantizer",
    "WassersteinQuantizer",
    "build",
    "channels_first",
    "channels_last",
    "key_of",
]
