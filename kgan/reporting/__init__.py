"""What is said about generators: the target of an evaluation, the leaderboard, pictures of samples."""
