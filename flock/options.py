"""How a flock is to be run: the options, and the one function that lays their sources over each other.

Every option of `flock run` has a variable `FLOCK_<NAME>`, so that a driver of three lines, which has no command
line, can be given the same options.
"""

from __future__ import annotations

import difflib
import logging
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

import platformdirs

from flock.errors import BadOption, printable
from flock.state import Database, Where, parse_database, scheme_of
from flock.units import DAY, HOUR, parse_seconds

if TYPE_CHECKING:
    from flock.poem import Say
    from flock.temperament import Temperament

log = logging.getLogger(__name__)

_COMMAND_LINE_ONLY = (
    *("log_format", "log_file", "once", "verbose", "quiet", "host", "port", "pasture_state"),
    *("alert", "on_trouble", "metrics", "web", "web_name"),
    *("address", "nodes", "herds"),  # of `flock cluster`
    *("python", "venv", "command"),  # of scripts/flock
    *("app", "consumer_token", "consumer_token_secret"),  # of `flock keys new`
)

STATE_NAME = "flock.db"
LINE_INTERVAL = 30.0
POEM_INTERVAL = 1.5 * HOUR

ApiVersion = Literal["2", "1.1"]


_CHECKED = (  # also where Python code gives them
    *("line_interval", "poem_interval", "base_url", "seed", "posts_per_day", "flock_posts_per_day"),
    *(
        "keep_history",
        "poem_format",
        "schedule",
        "poem_schedule",
        "awake",
        "timezone",
        "jitter",
        "stanza_interval",
        "pasture_port",
    ),
)
_IN_PLACE_OF = {"schedule": "line_interval", "poem_schedule": "poem_interval"}
_COUNT_BITS = 63  # as the journal's database has them
_SEED_BITS = 64
_PORT_BITS = 16
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)  # one part of a host's name
_HOST_AND_PORT = re.compile(r"(\[[^]]*\]|[^]:[]*)(:[0-9]+)?")
_NO_ADDRESS = "with an impossible address or port (ports are 1 to 65535)"
_SHARE = re.compile(r"\d{1,9}(\.\d{0,99})?|\.\d{1,99}", re.ASCII)
_NOT_IN_A_URL = re.compile(r"[\s\"<>\\^`{|}]")

_UNSAID: Any = None  # the value of a field that was not given, until `settle_options` has settled it


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What holds for the whole flock; a key file may have its own `api`, intervals (seconds) and temperament.

    A field that is not given is None, which says "not said": `settle_options` replaces it. After that only those
    fields are None for which None means something: no `base_url` but the network's own, no `sheep` class but
    Sheep, no cap, no `temperament` but the steadfast one, a file in the platform's folder for `state`, no schedule
    in place of an interval, no hours asleep, this machine's time zone, no longer pause after a stanza, a free port
    for the practice server.

    `posts_per_day` caps each bot in any 24 hours, and `flock_posts_per_day` all of them together; the posts are
    spread over the day, unless `burst`. `schedule`, `poem_schedule`, `awake`, `timezone` and `jitter` are those of
    `hours.Hours`, and `stanza_interval` is in seconds. `temperament` is
    how those sheep grow old whose keys say nothing of it, and `poem_format` how those poems are said of which
    neither the key nor the poem's own file says it. `keep_history` is for how many seconds the journal
    remembers what was said; where there is a cap, it is a day at least. `yes_really` allows intervals of 0 on a
    real network.
    """

    line_interval: float = _UNSAID
    poem_interval: float = _UNSAID
    pasture: bool = _UNSAID
    dry_run: bool = _UNSAID
    base_url: str | None = None
    api: ApiVersion = _UNSAID
    state: Where | None = None
    sheep: str | None = None
    skip_bad: bool = _UNSAID
    seed: int = _UNSAID
    posts_per_day: int | None = None
    flock_posts_per_day: int | None = None
    keep_history: float = _UNSAID
    temperament: Temperament | None = None
    yes_really: bool = _UNSAID
    poem_format: Say = _UNSAID
    burst: bool = _UNSAID
    schedule: str | None = None
    poem_schedule: str | None = None
    awake: str | None = None
    timezone: str | None = None
    jitter: float = _UNSAID
    stanza_interval: float | None = None
    pasture_port: int | None = None

    def __post_init__(self) -> None:
        for field in _CHECKED:
            if (value := getattr(self, field)) is not None:
                try:
                    object.__setattr__(self, field, PARSERS[field](value))
                except ValueError as error:
                    raise BadOption(f"{field}: {error}") from None
        if self.pasture and self.dry_run:
            raise BadOption("--pasture and --dry-run exclude each other; give one")
        if self.pasture and self.base_url:
            raise BadOption("--pasture and --base-url exclude each other; give one")

    @property
    def is_practice(self) -> bool:
        """Whether no post for X leaves this machine; with `pasture`, no post at all.

        No place in a poem that was reached there counts on a network.
        """
        return self.pasture or is_loopback(self.base_url or "")

    @property
    def journal(self) -> Where:
        """Where the journal is: as given, else in a file in the platform's state folder."""
        return self.state if isinstance(self.state, Database) else self.state_file

    @property
    def state_file(self) -> Path:
        """The file beside which flock keeps what is not in the journal: that of the journal, unless it is in a
        database. It has the name that a journal's file would have."""
        if isinstance(self.state, Database):
            if self.state.folder:
                return self.state.folder / STATE_NAME
        elif self.state:
            try:
                return self.state.expanduser()
            except RuntimeError:
                raise BadOption(f"--state {self.state}: there is no such user; give a full path") from None
        try:
            return platformdirs.user_state_path("flock") / STATE_NAME
        except RuntimeError:  # no HOME, and this user has no line in /etc/passwd
            what = "what flock keeps" if self.state else "the journal"
            advice = "set HOME" if self.state else "give --state PATH or FLOCK_STATE"
            raise BadOption(f"no home directory to keep {what} in; {advice}") from None


def settle_options(
    arguments: Mapping[str, Any] | None = None,
    options: Options | None = None,
    *,
    environment: Mapping[str, str],
) -> Options:
    """Return what holds: arguments over `options` over the environment over the defaults; None is "not said".

    (A key file's own fields override all of these for its bot: see `Sheep`.) `arguments` are fields of Options by
    name, as a command line or a caller gives them; `environment` holds the `FLOCK_...` variables. Raises
    BadOption, naming the variable or the option, for one that makes no sense.
    """
    layers = (DEFAULTS, read_environment(environment), options or Options(), Options(**dict(arguments or {})))
    found: dict[str, Any] = {}
    for layer in layers:
        said = {field.name: getattr(layer, field.name) for field in fields(Options)}
        said = {name: value for name, value in said.items() if value is not None}
        for schedule, interval in _IN_PLACE_OF.items():
            if interval in said:
                found.pop(schedule, None)  # of a layer below; in one layer, the schedule counts
        found |= said
    state, systemd = found.get("state"), _of_systemd(environment)
    if isinstance(state, Database) and systemd and not state.folder:
        found["state"] = replace(state, folder=Path(systemd))
    return Options(**found)


def _of_systemd(environment: Mapping[str, str]) -> str:
    """Return the folder that systemd made for the journal, the first of several; empty if there is none."""
    return environment.get("STATE_DIRECTORY", "").split(":")[0]


def read_environment(environment: Mapping[str, str]) -> Options:
    """Return what the `FLOCK_...` variables say, and where systemd wants the journal (STATE_DIRECTORY). Raises
    BadOption, naming the variable, for one that makes no sense."""
    _warn_of_typos(environment)
    found: dict[str, Any] = {}
    for field in fields(Options):
        variable = f"FLOCK_{field.name.upper()}"
        if text := environment.get(variable, ""):
            try:
                found[field.name] = PARSERS[field.name](text)
            except ValueError as error:
                raise BadOption(f"{variable}: {error}") from None
    if systemd := _of_systemd(environment):
        found.setdefault("state", Path(systemd) / STATE_NAME)
    return Options(**found)


def _warn_of_typos(environment: Mapping[str, str]) -> None:
    """Warn of variables that look like ours and mean nothing: FLOCK_PASTUR=1 would post for real."""
    known = [f"FLOCK_{name.upper()}" for name in (*PARSERS, *_COMMAND_LINE_ONLY)]
    for name in environment:
        if name.startswith("FLOCK_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            log.warning("%s means nothing%s", name, f"; did you mean {near[0]}?" if near else "")


@lru_cache(maxsize=64)
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
    """Return the root URL without a slash at its end. Raises ValueError unless it is http or https, and can be.

    The message never quotes the URL, which may hold a password.
    """
    if wrong := _wrong_with_url(text):
        raise ValueError(f"expected a URL such as https://api.x.com, found one {wrong}")
    return text.rstrip("/")


def _wrong_with_url(text: str) -> str:
    """Return in words what is wrong with the URL, or an empty text."""
    if "@" in text:
        return "with a user name or a password, which flock does not send; leave them out"
    if not text.isprintable() or _NOT_IN_A_URL.search(text):
        return "with spaces or other characters that no URL has"
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return _NO_ADDRESS
    wrong = (
        (parts.scheme not in ("http", "https"), "that does not begin with https:// or http://"),
        (port == 0 or not _HOST_AND_PORT.fullmatch(parts.netloc), _NO_ADDRESS),
        (not _is_host(host, in_brackets="[" in parts.netloc), "with an impossible host name or address"),
        ("?" in text or "#" in text, "with a query (?) or a fragment (#)"),
    )
    return next((words for is_so, words in wrong if is_so), "")


def _is_host(host: str, *, in_brackets: bool) -> bool:
    """Return whether a server may have this name or address. Names follow the rules of DNS, and may have a "_"."""
    with suppress(ValueError):  # no address; or a name that IDNA cannot encode
        if in_brackets or host.rpartition(".")[2].isdecimal():
            return ip_address(host).version == (6 if in_brackets else 4)
        name = host.encode("idna").decode()
        return len(name) <= 253 and all(map(_LABEL.fullmatch, name.split(".")))
    return False


def parse_sheep(text: str) -> str:
    """Return `text` if it has the form MODULE:CLASS. Raises ValueError otherwise."""
    module, colon, name = text.partition(":")
    if not colon or not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(f"expected MODULE:CLASS, such as mysheep:ShoutingSheep, found {text!r}")
    return text


def parse_count(value: str | int) -> int:
    """Return a whole number from 0 to 2**63 - 1, which a journal can count to. Raises ValueError for anything
    else."""
    return _whole(value, _COUNT_BITS)


def _whole(value: str | int, bits: int) -> int:
    number = -1
    if type(value) is int:
        number = value
    elif type(value) is str and (digits := re.fullmatch(r"\s*0*([0-9]+)\s*", value)):
        number = int(digits[1][:bits])  # Python converts no more than 4300 digits, and so many are too many
    if number < 0:
        raise ValueError("expected a whole number, 0 or more, such as 48")
    if number >= 2**bits:
        raise ValueError(f"expected a whole number under 2**{bits}, such as 48")
    return number


def parse_history(text: str | float) -> float:
    """Return for how many seconds the journal remembers. Raises ValueError unless that is a minute to a year."""
    with suppress(ValueError):
        if (seconds := parse_seconds(text)) >= 60:
            return seconds
    raise ValueError("expected from 1m to 366d, such as 10m or 2d")


def parse_temperament(text: str) -> Temperament:
    """Return the temperament that a name or numbers mean. Raises ValueError for anything else."""
    from flock.temperament import parse_temperament as parse  # noqa: PLC0415 - numpy, which --help can do without

    return parse(text)


def parse_poem_format(text: str) -> Say:
    """Return what of a poem is said in one go. Raises ValueError for anything else."""
    if text == "lines":  # the default, which is checked when the module is loaded
        return "lines"
    from flock.poem import parse_say  # noqa: PLC0415 - what reads poems, which --help can do without

    return parse_say(text)


def parse_seed(value: str | int) -> int:
    """Return a seed: a whole number from 0 to 2**64 - 1. Raises ValueError for anything else."""
    return _whole(value, _SEED_BITS)


def parse_state(text: str) -> Where:
    """Return where the journal is: a path, or a database for a URL.

    Raises ValueError for another URL, for a variable, since crontabs and units do not expand $HOME, and for a
    missing folder: it may be a typo, and in a new folder every bot would start over.
    """
    if text.startswith("$") or "${" in text:
        found = "a variable, which crontabs, units and env files do not replace"
        raise ValueError(f"expected a path, found {found}; write the path itself")
    if scheme_of(text):
        return parse_database(text)
    path = Path(text)
    try:
        folder = path.expanduser().parent
        folder.stat()
    except FileNotFoundError:
        raise ValueError(printable(f"there is no folder {folder}; make it first, or check the path")) from None
    except (OSError, ValueError, RuntimeError):  # it cannot be used: the journal tells of that
        pass
    return path


def parse_schedule(text: str) -> str:
    """Return a cron expression of five fields. Raises ValueError for another text."""
    from flock.cron import parse_schedule as parse  # noqa: PLC0415 - only those flocks need it that have one

    return parse(text)


def parse_awake(text: str) -> str:
    """Return the hours in which bots speak. Raises ValueError for another text."""
    from flock.hours import parse_awake as parse  # noqa: PLC0415 - as above

    return parse(text)


def parse_timezone(text: str) -> str:
    """Return the name of a time zone. Raises ValueError for another text."""
    from flock.cron import parse_timezone as parse  # noqa: PLC0415 - as above

    return parse(text)


def parse_share(value: str | float) -> float:
    """Return a number from 0 to 1. Raises ValueError for anything else."""
    is_number = _SHARE.fullmatch(value.strip()) if isinstance(value, str) else not isinstance(value, bool)
    number = float(value) if is_number else math.nan
    if not 0 <= number <= 1:
        raise ValueError("expected a number from 0 to 1, such as 0.2")
    return number


def parse_port(value: str | int) -> int:
    """Return the number of a port; 0 is a free one. Raises ValueError for anything else."""
    with suppress(ValueError):
        return _whole(value, _PORT_BITS)
    raise ValueError("expected a port from 0 to 65535 (0: a free one), such as 8280")


PARSERS = {
    "line_interval": parse_seconds,
    "poem_interval": parse_seconds,
    "pasture": parse_switch,
    "dry_run": parse_switch,
    "base_url": parse_url,
    "api": parse_api,
    "state": parse_state,
    "sheep": parse_sheep,
    "skip_bad": parse_switch,
    "seed": parse_seed,
    "posts_per_day": parse_count,
    "flock_posts_per_day": parse_count,
    "keep_history": parse_history,
    "temperament": parse_temperament,
    "yes_really": parse_switch,
    "poem_format": parse_poem_format,
    "burst": parse_switch,
    "schedule": parse_schedule,
    "poem_schedule": parse_schedule,
    "awake": parse_awake,
    "timezone": parse_timezone,
    "jitter": parse_share,
    "stanza_interval": parse_seconds,
    "pasture_port": parse_port,
}

DEFAULTS = Options(
    line_interval=LINE_INTERVAL,
    poem_interval=POEM_INTERVAL,
    pasture=False,
    dry_run=False,
    api="2",
    skip_bad=False,
    seed=0,
    keep_history=2 * DAY,
    yes_really=False,
    poem_format="lines",
    burst=False,
    jitter=0.0,
)
