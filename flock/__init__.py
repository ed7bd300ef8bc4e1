"""flock: a multithreaded hydra bot flock.

A Shepherd reads every bot's keys from a folder and makes a Sheep of each; a Sheep memorizes one poem and posts it
line by line, for ever. The names here are the public ones; they are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flock.errors import BadKeys, FlockError, NetworkError
    from flock.keymaker import Keymaker
    from flock.options import Options
    from flock.sheep.sheep import Sheep, runsheep
    from flock.shepherd import Shepherd, SimpleShepherd

__version__ = "0.1.0"

__all__ = [
    "BadKeys",
    "FlockError",
    "Keymaker",
    "NetworkError",
    "Options",
    "Sheep",
    "Shepherd",
    "SimpleShepherd",
    "runsheep",
]

_HOMES = {
    "BadKeys": "flock.errors",
    "FlockError": "flock.errors",
    "Keymaker": "flock.keymaker",
    "NetworkError": "flock.errors",
    "Options": "flock.options",
    "Sheep": "flock.sheep.sheep",
    "Shepherd": "flock.shepherd",
    "SimpleShepherd": "flock.shepherd",
    "runsheep": "flock.sheep.sheep",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
