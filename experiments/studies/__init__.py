"""Studies of one question each, run by hand; their outputs are in `experiments/results/`."""
