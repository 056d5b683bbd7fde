"""A report on runs: one HTML page that holds everything it shows, and asks nothing of any server."""
