"""What the threads of a flock sleep on, and what bounds how many of them post at once."""
