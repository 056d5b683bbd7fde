"""The five papers, claim by claim."""
