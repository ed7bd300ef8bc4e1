"""X, formerly Twitter: its API, what its answers mean, and how it counts."""
