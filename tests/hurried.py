"""The `flock` command in a hurry: its pauses after a failure are multiplied by the variable HURRY, 1 without it.

HURRY=0.02 python tests/hurried.py run keys/

Its time limits for an exchange with a network are multiplied by the variable IMPATIENCE.
"""

import os

from flock import rates
from flock.__main__ import main
from flock.sheep import recovery, standing

HOLDS = ("CLOCK_WAIT", "FIRST_HOLD", "LONGEST_HOLD", "DOUBT")
PAUSES = {
    standing: ("FIRST_BACK_OFF", "LONGEST_BACK_OFF", "RESET_SLACK", "RATE_LIMIT_WAIT", "LONG_WAIT", *HOLDS),
    recovery: ("LANDING", "UNDER_WAY", "HELD", "HELD_LONG"),
    rates: ("PIECE_INTERVAL",),
}
LIMITS = ("CONNECT_TIMEOUT", "READ_TIMEOUT", "EXCHANGE_LIMIT")


def shorten(module: object, names: tuple[str, ...], factor: str) -> None:
    """Multiply these constants of the module by the factor."""
    for name in names:
        setattr(module, name, getattr(module, name) * float(factor))


if __name__ == "__main__":
    for module, names in PAUSES.items():
        shorten(module, names, os.environ.get("HURRY", "1"))
    if factor := os.environ.get("IMPATIENCE"):
        from flock.networks import http

        shorten(http, LIMITS, factor)
    main()
