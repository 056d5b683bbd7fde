"""The run directory: what is in it, checkpoints, the log, and the loop that trains a recipe in it."""
