"""The arena: all quantizers on the same vectors at equal bits, without heads, beside what is attainable.

Section 4.4 of the paper compares the errors of the best VQ, PQ and SQ. Inside a tokenizer, heads and decoder
blur that comparison; here nothing stands between a quantizer and its error.
"""
