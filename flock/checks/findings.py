"""One thing that a check has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flock.errors import Problem

Kind = Literal[  # docs/check.md says what each is
    "key", "poem", "interval", "account", "refrain", "heading", "link", "likeness", "limit", "machine"
]


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence for the operator, of some kind, about a file or about bots; safe to show on a terminal."""

    kind: Kind
    text: str
    bots: tuple[str, ...] = ()
    file: Path | None = None


def finding_of(problem: Problem, kind: Kind | None = None, *, bots: Mapping[Path, str] | None = None) -> Finding:
    """Return the finding that a problem of a key file is; without `kind`, its field says whether of the poem.

    `bots` are the bots that can run, by their key files.
    """
    found: Kind = kind or ("poem" if problem.field == "poem_file" else "key")
    names = (bots[problem.file],) if bots and problem.file in bots else ()
    return Finding(found, str(problem), bots=names, file=problem.file)
