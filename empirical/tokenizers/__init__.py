"""Tokenizers: a frozen encoder and decoder, between which the quantizers are compared."""

from empirical.tokenizers.pocket import PocketTokenizer, default_pocket

__all__ = ["PocketTokenizer", "default_pocket"]
