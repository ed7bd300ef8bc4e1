"""The `flock` command in a hurry: its pauses after a failure are multiplied by the variable HURRY, 1 without it.

HURRY=0.02 python tests/hurried.py run keys/
"""

import os

from flock.cli import main
from flock.sheep import recovery, standing

HOLDS = ("CLOCK_WAIT", "FIRST_HOLD", "LONGEST_HOLD", "DOUBT")
PAUSES = {
    standing: ("FIRST_BACK_OFF", "LONGEST_BACK_OFF", "RESET_SLACK", "RATE_LIMIT_WAIT", "LONG_WAIT", *HOLDS),
    recovery: ("LANDING", "HELD"),
}


if __name__ == "__main__":
    for module, names in PAUSES.items():
        for name in names:
            setattr(module, name, getattr(module, name) * float(os.environ.get("HURRY", "1")))
    main()
