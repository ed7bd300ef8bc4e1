"""Where alerts go: services by their Apprise URLs, and a command of the operator's. Apprise is the extra `alerts`.

An alert URL is a secret: it holds passwords and tokens. Nothing here shows more of it than its scheme.
"""

from __future__ import annotations

import logging
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import unquote

from flock.errors import BadOption, printable
from flock.events import Trouble
from flock.observers.console import as_json
from flock.observers.wording import advice, describe, harmless

if TYPE_CHECKING:
    import apprise

log = logging.getLogger(__name__)

TIME_LIMIT = 30.0  # seconds for the operator's command; then it is killed
_LOOK = 0.1  # seconds between two looks at whether the command has ended
_SHOWN = 300  # characters of what a service or a command has said
_READ = 64 * 1024  # bytes of a command's output in one read; all but the first are thrown away
_OURS = ("FLOCK_", "WATCHDOG_")  # how the names of variables begin that are not passed on
_NOT_PASSED_ON = ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "_FLOCK_COMPLETE")
_CUT_SHORT = "the flock has ended before it"
_INSTALL = "Apprise is not installed; type: pip install 'poem-flock[alerts]'"
_SEE = "see https://github.com/caronc/apprise/wiki for the URL of each service"


class NotDelivered(Exception):
    """An alert did not get through. The text says why, and holds no secret."""


class Target(Protocol):
    """Where an alert can be sent. `name` is for people; `repeats` says whether to try again after a failure."""

    name: str
    repeats: bool

    def send(self, alert: Trouble) -> None:
        """Send the alert, however long that takes. Raises NotDelivered."""

    def give_up(self) -> None:
        """Send nothing more, and end what would outlive flock. From any thread."""


class ServiceTarget:
    """A service that Apprise knows, by its URL. Raises BadOption, which does not quote the URL.

    `place` says where the URL stands, such as "--alert, URL 2".
    """

    repeats = True

    def __init__(self, url: str, place: str) -> None:
        try:
            import apprise  # noqa: PLC0415 - an extra
        except ImportError:
            raise BadOption(f"{place}: {_INSTALL}") from None
        self._secrets = _parts(url)
        asset = apprise.AppriseAsset(app_id="flock", app_desc="flock", app_url="", async_mode=False)
        with _said_by_apprise() as said:
            plugin = apprise.Apprise.instantiate(url, asset=asset)
        if plugin is None:
            scheme = re.match(r"[a-z0-9]{1,20}(?=://)", url)
            what = f"a URL of the scheme {scheme[0]}" if scheme else "a text that is no URL"
            reason = f" ({self._hidden(said[0])})" if said and scheme else ""
            raise BadOption(f"{place}: expected the Apprise URL of a service, found {what}{reason}; {_SEE}")
        self._plugin: apprise.NotifyBase = plugin
        self.name = f"{place} ({plugin.service_name})"

    def __repr__(self) -> str:
        return f"<ServiceTarget {self.name}>"

    def send(self, alert: Trouble) -> None:
        from apprise import NotifyFormat, NotifyType  # noqa: PLC0415

        is_good = alert.is_over or alert.kind == "ended"
        with _said_by_apprise() as said:
            try:
                is_sent = self._plugin.notify(
                    title=f"flock: {harmless(describe(alert))}"[:200],
                    body=body(alert),
                    notify_type=NotifyType.SUCCESS if is_good else NotifyType.FAILURE,
                    body_format=NotifyFormat.TEXT,
                )
            except Exception as error:  # noqa: BLE001 - a hundred plugins raise what they like
                raise NotDelivered(self._hidden(f"{type(error).__name__}: {error}")) from None
        if not is_sent:
            raise NotDelivered(self._hidden("; ".join(dict.fromkeys(said)) or "the service took no message"))

    def give_up(self) -> None:
        """Do nothing: what is under way ends with the process."""

    def _hidden(self, text: str) -> str:
        """Return `text` without any part of the URL."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return printable(text)[:_SHOWN]


class CommandTarget:
    """A command, which gets the alert as one line of JSON on its standard input. No shell is involved.

    It is run in a process group of its own and in the environment without flock's own variables, and is killed
    after `time_limit` seconds. Its output is read and thrown away; the beginning of it stands in the message when
    the command fails. Raises BadOption if there is no such command.
    """

    name = "--on-trouble"
    repeats = False  # it may have done half of its work

    def __init__(
        self, command: str, environment: Mapping[str, str] = os.environ, *, time_limit: float = TIME_LIMIT
    ) -> None:
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise BadOption(f"--on-trouble: expected a command with its arguments, found {error}") from None
        if not self._arguments or not shutil.which(self._arguments[0]):
            raise BadOption(
                f"--on-trouble: expected a command that can be run, found {printable(command)!r};"
                " give its full path (a shell's own syntax needs: sh -c '...')"
            )
        self._environment = passed_on(environment)
        self._time_limit = time_limit
        self._process: subprocess.Popen[bytes] | None = None  # the command that is under way
        self._has_given_up = False
        self._lock = threading.Lock()  # held while a command is started, so that none is missed

    def send(self, alert: Trouble) -> None:
        with tempfile.TemporaryFile() as given:  # a pipe would block when the command does not read
            given.write(f"{as_json(alert)}\n".encode())
            given.seek(0)
            process = self._started(given)
        with process:
            said = self._watched(process)
        if self._has_given_up:
            raise NotDelivered(_CUT_SHORT)
        if process.returncode:
            code = process.returncode
            how = f"ended with the code {code}" if code > 0 else f"ended by signal {-code}"
            raise NotDelivered(f"{how}: {said}" if said else how)

    def give_up(self) -> None:
        """Start no command any more, and kill the one that is under way, with all processes of its group."""
        with self._lock:
            self._has_given_up = True
        if self._process and self._process.returncode is None:
            _kill(self._process)

    def _started(self, given: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._has_given_up:
                raise NotDelivered(_CUT_SHORT)
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the operator's own command
                    self._arguments,
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise NotDelivered(f"cannot be run: {error.strerror}") from None
            return self._process

    def _watched(self, process: subprocess.Popen[bytes]) -> str:
        """Wait for the process; return the beginning of its output. Raises NotDelivered at the time limit."""
        assert process.stdout is not None  # noqa: S101 - for the type checker
        deadline = time.monotonic() + self._time_limit
        said = b""
        is_open = True
        output = select.poll()
        output.register(process.stdout, select.POLLIN)
        while process.poll() is None:
            if time.monotonic() >= deadline:
                _kill(process)
                raise NotDelivered(f"was killed after {self._time_limit:.0f} seconds")
            if is_open and output.poll(_LOOK * 1000):
                piece = os.read(process.stdout.fileno(), _READ)
                is_open = bool(piece)
                said = (said + piece)[:_SHOWN]
            elif not is_open:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK)
        while len(said) < _SHOWN and output.poll(0) and (piece := os.read(process.stdout.fileno(), _READ)):
            said += piece
        return printable(said[:_SHOWN].decode(errors="replace").strip())


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all others of its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def body(alert: Trouble) -> str:
    """Return the text of a message: what happened, why, since when, and where."""
    begun = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(alert.since))
    lines = [f"{describe(alert)}.", *([advice(alert)] if advice(alert) else [])]
    if len(alert.whys) > 1:
        lines += ["", "All reasons:", *(f"- {why}" for why in alert.whys)]
    if alert.count > 1:
        more = f", and {alert.count - len(alert.bots):,} more" if alert.count > len(alert.bots) else ""
        lines += ["", f"The bots: {', '.join(alert.bots)}{more}"]
    lines += ["", f"Since {begun}; process {os.getpid()} on {os.uname().nodename}."]
    return "\n".join(map(harmless, lines))


def targets(urls: Iterable[str], command: str | None) -> list[Target]:
    """Return the targets for these URLs, of which `@FILE` stands for those in a file, and for the command.

    Raises BadOption, which quotes no URL.
    """
    found: list[Target] = []
    for place, url in _all_urls(urls):
        found.append(ServiceTarget(url, place))
    if command:
        found.append(CommandTarget(command))
    return found


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that another program may see: those of flock itself hold secrets, and systemd's are
    for flock only."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_OURS) and name not in _NOT_PASSED_ON
    }


def _all_urls(urls: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each URL, after where it stands."""
    for number, url in enumerate(urls, 1):
        if not url.startswith("@"):
            yield f"--alert, URL {number}", url
            continue
        file = Path(url[1:])
        for line, text in enumerate(_lines(file), 1):
            if text.strip() and not text.startswith("#"):
                yield f"{printable(str(file))}, line {line}", text.strip()


def _lines(file: Path) -> Sequence[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        mode = file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise BadOption(
            f"--alert @{printable(str(file))}: expected a file with a URL in each line; {why}"
        ) from None
    if mode & 0o077:
        log.warning("%s: other users can read it; type: chmod 600 %s", file, file)
    return lines


def _parts(url: str) -> list[str]:
    """Return all parts of the URL behind its scheme, longest first, as they stand there and decoded."""
    rest = url.partition("://")[2] or url
    pieces = {rest, *re.split(r"[:/?&=@#,;+\s]+", rest), *re.split(r"[/?&=@]+", rest)}
    pieces |= {unquote(piece) for piece in pieces}
    return sorted((piece for piece in pieces if len(piece) > 2), key=len, reverse=True)


@contextmanager
def _said_by_apprise() -> Iterator[list[str]]:
    """Collect what Apprise logs in this thread, from warnings upwards. It is logged nowhere else: it may hold
    secrets."""
    said: list[str] = []
    thread = threading.get_ident()

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                said.append(record.getMessage())

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    handler = Collect(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
