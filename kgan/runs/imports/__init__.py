"""Generators that other programs or other versions wrote: .keras files, SavedModels, TF1-Hub modules."""
