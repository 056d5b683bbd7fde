"""What notebooks and programs hold: `fit` and `load`, what they return, and the doctor as a callback."""
