"""Numbers about images: pure NumPy functions on arrays, one file per idea. The judge whose features they take: scoring.

Features are float arrays (n, d), probabilities (n, classes), images uint8 (n, H, W, C).
"""
