"""Slices: the keys of a flock, dealt out to herds; and the packed form in which a slice travels to its herd.

Ray keeps small arguments of an actor with the actor itself. Larger ones go into its object store, which may write
them to a disk, and which forgets them when the process that made them ends. A slice holds secrets and must last as
long as its actor, so it travels as many small arguments.
"""

from __future__ import annotations

import logging
import pickle
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flock import __version__
from flock.errors import BadOption
from flock.files import read_plain
from flock.keys import Key
from flock.keys.core_dumps import forbid_core_dumps
from flock.options import Options
from flock.poem.reading import LARGEST

if TYPE_CHECKING:
    from flock.observers.console import LogFormat

PART = 64 * 1024  # bytes; Ray's limit is 100 KB
LARGEST_SLICE = 8 * 1024 * 1024  # bytes; the limit for all arguments of an actor is 10 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The bots of one herd, and how they are run.

    `poems` are the contents of the poems' files, by path. `level` is that of the log, as Python's logging has it.
    `repr` shows neither keys nor poems.
    """

    herd: str
    keys: tuple[Key, ...] = field(repr=False)
    poems: dict[Path, bytes] = field(repr=False)
    options: Options
    log_format: LogFormat = "auto"
    level: int = logging.INFO
    version: str = __version__


def herd_name(number: int) -> str:
    """Return the name of a herd by its number, from 0: "herd-0001"."""
    return f"herd-{number + 1:04}"


def deal(
    keys: Sequence[Key], herds: int, options: Options, *, log_format: LogFormat = "auto", level: int = logging.INFO
) -> list[Slice]:
    """Deal the keys out to so many herds, one bot after the other; never more herds than bots.

    Raises OSError and ValueError when a poem cannot be read any more.
    """
    poems = {path: read_plain(path, LARGEST) for path in {key.poem_file for key in keys}}
    whole = Slice(herd="", keys=tuple(keys), poems=poems, options=options, log_format=log_format, level=level)
    return deal_anew([whole], herds)


def deal_anew(slices: Sequence[Slice], herds: int) -> list[Slice]:
    """Deal the bots of all these slices out to so many herds; what else a slice says is as in the first one."""
    keys = sorted((key for each in slices for key in each.keys), key=lambda key: key.file)
    poems = {path: content for each in slices for path, content in each.poems.items()}
    dealt = [tuple(keys[place::herds]) for place in range(min(herds, len(keys)))]
    return [
        replace(
            slices[0],
            herd=herd_name(place),
            keys=own,
            poems={key.poem_file: poems[key.poem_file] for key in own},
        )
        for place, own in enumerate(dealt)
    ]


def pack(each: Slice) -> list[bytes]:
    """Return the slice in parts that are small enough to be arguments of an actor.

    Raises BadOption when all of them together are too much for one actor.
    """
    packed = zlib.compress(pickle.dumps(each))
    if len(packed) > LARGEST_SLICE:
        herds = f"its {len(each.keys)} bots and their poems take {len(packed) / 2**20:.1f} MiB, of at most 8"
        raise BadOption(f"{each.herd}: {herds}; give more --herds")
    return [packed[start : start + PART] for start in range(0, len(packed), PART)]


def unpack(parts: Iterable[bytes]) -> Slice:
    """Return the slice that was packed by this version of flock. Raises BadOption for another version's.

    From then on this process writes no core dump, which would hold the keys.
    """
    forbid_core_dumps()
    found: object = pickle.loads(zlib.decompress(b"".join(parts)))  # noqa: S301 - our own, from our own cluster
    if not isinstance(found, Slice) or found.version != __version__:
        version = getattr(found, "version", "another one")
        raise BadOption(
            f"this machine has flock {__version__}, and the keys come from {version}; install the same"
        )
    return found


def with_poems_in(folder: Path, each: Slice) -> tuple[Key, ...]:
    """Write the poems into the folder, and return the keys with the paths that their poems have there."""
    paths: dict[Path, Path] = {}
    for number, (path, content) in enumerate(each.poems.items()):
        paths[path] = folder / f"{number}.txt"
        paths[path].write_bytes(content)
    return tuple(replace(key, poem_file=paths[key.poem_file]) for key in each.keys)
