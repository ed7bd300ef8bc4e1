"""Observers of a flock: each gets every event, and shows or passes on what its readers need."""
