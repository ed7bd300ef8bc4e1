"""Intervals of 0: a bot with one would say a whole poem at once, which networks take for spam."""

from __future__ import annotations

from collections.abc import Sequence

from flock.errors import BadKeys, BadOption, BadPoem, Problem, printable
from flock.keys import Key
from flock.keys.credentials import title_of
from flock.networks.registry import Networks
from flock.options import DEFAULTS, Options
from flock.poem import read_poem
from flock.sheep.rhythm import hours_of, paced_by
from flock.sheep.sheep import Sheep

_ADVICE = "give it some seconds at least, or --yes-really (FLOCK_YES_REALLY=1) if you mean it"


def refuse_haste(flock: Sequence[Sheep], networks: Networks) -> None:
    """Raise BadOption if an option makes bots post without a pause on a real network, and BadKeys, with all of
    them, if key files do."""
    hasty = [
        (sheep, field) for sheep in flock if networks.is_real(sheep.key) and (field := _field_of_sheep(sheep))
    ]
    by_option = [(sheep, field) for sheep, field in hasty if getattr(sheep.key, field) is None]
    if by_option:
        first, field = by_option[0]
        more = f" and {len(by_option) - 1} more" if len(by_option) > 1 else ""
        text = f"{_option(field)}: {_what(field, first.key)} ({first.name}{more}); {_ADVICE}"
        raise BadOption(printable(text))
    if hasty:
        raise BadKeys([_problem(sheep.key, field) for sheep, field in hasty])


def find_haste(
    key: Key, line_interval: float, poem_interval: float, networks: Networks, options: Options = DEFAULTS
) -> Problem | None:
    """Return the problem of a key whose bot would post without a pause on a real network.

    The intervals, in seconds, and the options are those of the flock, for a key that names none. A poem that
    cannot be read, or hours that cannot be kept, are another problem, and not this one.
    """
    line_interval = line_interval if key.line_interval is None else key.line_interval
    poem_interval = poem_interval if key.poem_interval is None else key.poem_interval
    if (line_interval and poem_interval) or not networks.is_real(key):
        return None
    try:
        line_interval, poem_interval = paced_by(hours_of(key, options), line_interval, poem_interval)
        lines = len(read_poem(key.poem_file, key.say, options.poem_format))
    except (BadPoem, BadKeys):
        return None
    field = _field_of_0(lines, line_interval, poem_interval)
    return _problem(key, field) if field else None


def _field_of_sheep(sheep: Sheep) -> str:
    return _field_of_0(len(sheep.memory), sheep.line_interval, sheep.poem_interval)


def _field_of_0(lines: int, line_interval: float, poem_interval: float) -> str:
    """Return the field that leaves no time between two posts, or an empty text."""
    if lines > 1 and not line_interval:
        return "line_interval"
    return "poem_interval" if lines == 1 and not poem_interval else ""


def _problem(key: Key, field: str) -> Problem:
    value = "0" if getattr(key, field) is not None else f"missing, and {_option(field)} holds"
    return Problem(key.file, field, f"{value}: {_what(field, key)}; {_ADVICE}")


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')} 0"


def _what(field: str, key: Key) -> str:
    where = title_of(key.network)
    if field == "line_interval":
        return f"all lines of a poem would be posted at once on {where}"
    return f"a poem of one line would be posted without end on {where}"
