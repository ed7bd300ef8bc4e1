"""The `flock` command in a hurry: its pauses after a failure are multiplied by the variable HURRY, 1 without it.

HURRY=0.02 python tests/hurried.py run keys/
"""

import os

from flock.cli import main
from flock.sheep import standing

PAUSES = ("FIRST_BACK_OFF", "LONGEST_BACK_OFF", "RESET_SLACK", "RATE_LIMIT_WAIT", "LONG_WAIT")


if __name__ == "__main__":
    for name in PAUSES:
        setattr(standing, name, getattr(standing, name) * float(os.environ.get("HURRY", "1")))
    main()
