"""Where images come from (`sources`) and how they flow (`stream`)."""
