"""Tokenizers: a frozen encoder and decoder, between which the quantizers are compared."""

from empirical.tokenizers.base import Tokenizer
from empirical.tokenizers.pocket import PocketTokenizer, default_pocket
from empirical.tokenizers.var import VARTokenizer

__all__ = ["PocketTokenizer", "Tokenizer", "VARTokenizer", "default_pocket"]
