"""What is measured for the papers' claims."""
