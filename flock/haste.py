"""Bots whose intervals are 0: they would say a whole poem at once, which networks take for spam."""

from __future__ import annotations

from collections.abc import Sequence

from flock.errors import BadKeys, BadOption, Problem, printable
from flock.keys.credentials import title_of
from flock.networks.registry import Networks
from flock.sheep.sheep import Sheep

_ADVICE = "give it some seconds at least, or --yes-really (FLOCK_YES_REALLY=1) if you mean it"


def refuse_haste(flock: Sequence[Sheep], networks: Networks) -> None:
    """Raise BadOption if an option makes bots post without a pause on a real network, and BadKeys, with all of
    them, if key files do."""
    hasty = [(sheep, field) for sheep in flock if networks.is_real(sheep.key) and (field := _field_of_0(sheep))]
    by_option = [(sheep, field) for sheep, field in hasty if getattr(sheep.key, field) is None]
    if by_option:
        first, field = by_option[0]
        more = f" and {len(by_option) - 1} more" if len(by_option) > 1 else ""
        option = f"--{field.replace('_', '-')} 0"
        raise BadOption(printable(f"{option}: {_what(field, first)} ({first.name}{more}); {_ADVICE}"))
    if hasty:
        raise BadKeys(
            [Problem(each.key.file, field, f"0: {_what(field, each)}; {_ADVICE}") for each, field in hasty]
        )


def _field_of_0(sheep: Sheep) -> str:
    """Return the field that leaves no time between two posts, or an empty text."""
    if len(sheep.memory) > 1 and not sheep.line_interval:
        return "line_interval"
    return "poem_interval" if len(sheep.memory) == 1 and not sheep.poem_interval else ""


def _what(field: str, sheep: Sheep) -> str:
    where = title_of(sheep.key.network)
    if field == "line_interval":
        return f"all lines of a poem would be posted at once on {where}"
    return f"a poem of one line would be posted without end on {where}"
