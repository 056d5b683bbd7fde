"""Experiments: what was measured with kgan, and the five papers, claim by claim (`python -m experiments`)."""
