"""How a flock is to be run, from the command line or from the environment.

Every option of `flock run` has a variable `FLOCK_<NAME>`, so that a driver of three lines, which has no command
line, can be told the same things.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

import platformdirs

from flock.errors import BadOption
from flock.units import DAY, HOUR, parse_seconds

if TYPE_CHECKING:
    from flock.temperament import Temperament

log = logging.getLogger(__name__)

_COMMAND_LINE_ONLY = (
    *("log_format", "log_file", "once", "verbose", "quiet", "host", "port", "pasture_state"),
    *("python", "venv"),  # these two are for scripts/flock
)

LINE_INTERVAL = 30.0
POEM_INTERVAL = 1.5 * HOUR

ApiVersion = Literal["2", "1.1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What holds for the whole flock; a key file may have its own `api` and intervals (seconds).

    `posts_per_day` caps each bot in any 24 hours, and `flock_posts_per_day` all of them together; None is no cap.
    `temperament` is how those sheep grow old whose keys say nothing of it; None is steadfast. `keep_history` is
    for how many seconds the journal remembers what was said; where there is a cap, it is a day at least.
    `retry_base` scales every backing off: 1.0 waits from a second to a quarter of an hour.
    """

    line_interval: float = LINE_INTERVAL
    poem_interval: float = POEM_INTERVAL
    pasture: bool = False
    dry_run: bool = False
    base_url: str | None = None
    api: ApiVersion = "2"
    state: Path | None = None
    sheep: str | None = None
    skip_bad: bool = False
    seed: int = 0
    posts_per_day: int | None = None
    flock_posts_per_day: int | None = None
    keep_history: float = 2 * DAY
    retry_base: float = 1.0
    temperament: Temperament | None = None

    def __post_init__(self) -> None:
        if self.pasture and self.dry_run:
            raise BadOption("--pasture and --dry-run exclude each other; give one")
        if self.pasture and self.base_url:
            raise BadOption("--pasture and --base-url exclude each other; give one")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Options:
        """Read the `FLOCK_...` variables. Raises BadOption, naming the variable, for one that makes no sense."""
        found: dict[str, Any] = {}
        _warn_of_typos(environment)
        for field in fields(cls):
            variable = f"FLOCK_{field.name.upper()}"
            if text := environment.get(variable, ""):
                try:
                    found[field.name] = PARSERS[field.name](text)
                except ValueError as error:
                    raise BadOption(f"{variable}: {error}") from None
        return cls(**found)

    def with_intervals(self, line_interval: float, poem_interval: float) -> Options:
        """Return the same options with these intervals, in seconds. Raises BadOption for a negative one."""
        try:
            return replace(
                self, line_interval=parse_seconds(line_interval), poem_interval=parse_seconds(poem_interval)
            )
        except ValueError as error:
            raise BadOption(f"line_interval and poem_interval: {error}") from None

    @property
    def is_practice(self) -> bool:
        """Whether nothing leaves this machine: no place in a poem that was reached there counts on a network."""
        return self.pasture or is_loopback(self.base_url or "")

    @property
    def state_file(self) -> Path:
        """The journal's file: as given, else systemd's state directory, else the platform's state folder."""
        if self.state:
            return self.state.expanduser()
        systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
        return (Path(systemd) if systemd else platformdirs.user_state_path("flock")) / "flock.db"


def _warn_of_typos(environment: Mapping[str, str]) -> None:
    """Warn of variables that look like ours and mean nothing: FLOCK_PASTUR=1 would post for real."""
    known = [f"FLOCK_{name.upper()}" for name in (*PARSERS, *_COMMAND_LINE_ONLY)]
    for name in environment:
        if name.startswith("FLOCK_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            log.warning("%s means nothing%s", name, f"; did you mean {near[0]}?" if near else "")


def is_loopback(url: str) -> bool:
    """Return whether `url` names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def parse_switch(text: str) -> bool:
    """Return whether `text` means yes. Raises ValueError where it is neither yes nor no."""
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on", "y", "t"):
        return True
    if word in ("0", "false", "no", "off", "n", "f"):
        return False
    raise ValueError(f"expected 1 or 0, found {text!r}")


def parse_api(text: str) -> ApiVersion:
    """Return the version of the API that `text` names. Raises ValueError for another."""
    if text not in ("2", "1.1"):
        raise ValueError(f"expected 2 or 1.1, found {text!r}")
    return cast(ApiVersion, text)


def parse_url(text: str) -> str:
    """Return the root URL without a slash at its end. Raises ValueError unless it is http or https."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"expected a URL such as https://api.x.com, found {text!r}")
    return text.rstrip("/")


def parse_sheep(text: str) -> str:
    """Return `text` if it has the form MODULE:CLASS. Raises ValueError otherwise."""
    module, colon, name = text.partition(":")
    if not colon or not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(f"expected MODULE:CLASS, such as mysheep:ShoutingSheep, found {text!r}")
    return text


def parse_count(text: str) -> int:
    """Return a whole number, 0 or more. Raises ValueError for anything else."""
    if not text.strip().isdecimal():
        raise ValueError(f"expected a whole number, 0 or more, found {text!r}")
    return int(text)


def parse_history(text: str) -> float:
    """Return for how many seconds the journal remembers. Raises ValueError unless that is a minute to a year."""
    with suppress(ValueError):
        if (seconds := parse_seconds(text)) >= 60:
            return seconds
    raise ValueError("expected from 1m to 366d, such as 10m or 2d")


def parse_scale(text: str) -> float:
    """Return a number over 0. Raises ValueError for anything else."""
    scale = parse_seconds(text)
    if scale == 0:
        raise ValueError("expected a number over 0, such as 0.1")
    return scale


def parse_temperament(text: str) -> Temperament:
    """Return the temperament that a name or numbers mean. Raises ValueError for anything else."""
    from flock.temperament import parse_temperament as parse  # noqa: PLC0415 - numpy, which --help can do without

    return parse(text)


def parse_seed(text: str) -> int:
    """Return a seed: a whole number from 0 to 2**64 - 1. Raises ValueError for anything else."""
    seed = parse_count(text)
    if seed >= 2**64:
        raise ValueError(f"expected a whole number under 2**64, found {text!r}")
    return seed


PARSERS = {
    "line_interval": parse_seconds,
    "poem_interval": parse_seconds,
    "pasture": parse_switch,
    "dry_run": parse_switch,
    "base_url": parse_url,
    "api": parse_api,
    "state": Path,
    "sheep": parse_sheep,
    "skip_bad": parse_switch,
    "seed": parse_seed,
    "posts_per_day": parse_count,
    "flock_posts_per_day": parse_count,
    "keep_history": parse_history,
    "retry_base": parse_scale,
    "temperament": parse_temperament,
}
