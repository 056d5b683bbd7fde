"""Scores of what draws: candidates, their evaluation, the leaderboard."""
