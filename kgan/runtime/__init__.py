"""What everything stands on: this machine and TensorFlow's start, errors, the commit protocol for files."""
