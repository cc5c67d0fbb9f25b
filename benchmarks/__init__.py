"""Timings against named peers, taken in one run and reported as ratios."""
