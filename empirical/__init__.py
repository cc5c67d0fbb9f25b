"""The VQ-Transplant comparison: tokenizers, quantizers, training, metrics."""
