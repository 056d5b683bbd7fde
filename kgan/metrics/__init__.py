"""Numbers about images: pure NumPy functions on arrays, one file per idea, and the judge whose features they use.

Features are float arrays (n, d), probabilities (n, classes), images uint8 (n, H, W, C).
"""
