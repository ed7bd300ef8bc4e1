"""The log file, and how records of our own code look in it."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flock.errors import BadOption
from flock.events import Called, Events
from flock.observers.console import Console, LogFormat
from flock.observers.logs import LogFile, LogFormatter, log_to_stderr, log_unless_configured
from flock.observers.writer import Writer
from tests.observers.conftest import Pipe, said

AT = datetime(2026, 11, 23, 17, 38, 5, 250_000, tzinfo=UTC).timestamp()


def record(*, error: BaseException | None = None) -> logging.LogRecord:
    """Return a line of our own log."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    line = logging.LogRecord("flock", logging.WARNING, "", 1, "%s is odd", ("this",), exc_info)
    line.created = AT
    return line


def test_our_own_log_is_told_apart_from_the_sheep() -> None:
    """With the thread's name where it is a sheep's, and the traceback below."""
    assert "flock: warning: this is odd" == LogFormatter("auto").format(record())
    line = record(error=ValueError("why"))
    line.threadName = "dolly"
    text = LogFormatter("text").format(line)
    assert text.startswith("flock: warning: dolly: this is odd\n")
    assert text.endswith("ValueError: why")


def test_our_own_log_is_json_where_the_events_are() -> None:
    """So that one reader understands both."""
    fields = json.loads(LogFormatter("json").format(record(error=ValueError("why"))))
    assert {"time", "at", "level", "event", "bot", "text", "traceback"} == set(fields)
    assert ("warning", "this is odd", "log") == (fields["level"], fields["text"], fields["event"])
    assert (AT, "") == (fields["at"], fields["bot"])  # the main thread is no bot's
    assert fields["traceback"].endswith("ValueError: why")


def test_a_log_file_that_was_moved_away_is_opened_anew_at_a_call(tmp_path: Path) -> None:
    """As logrotate does it: move, SIGHUP, and the next line is in the new file."""
    path = tmp_path / "flock.log"
    file = LogFile(path)
    tell = Events([Console(file), file]).tell
    tell(said("one"))
    moved = path.rename(tmp_path / "flock.log.1")
    tell(said("two"))
    tell(Called(at=AT))
    tell(said("three"))
    assert file.close()
    assert [["one", "two"], ["three"]] == [
        re.findall("one|two|three", where.read_text(encoding="utf-8")) for where in (moved, path)
    ]


def test_a_log_file_that_cannot_be_written_is_a_bad_option(tmp_path: Path) -> None:
    """One line that names the option and the file."""
    with pytest.raises(BadOption) as caught:
        LogFile(tmp_path)
    assert f"--log-file {tmp_path}: cannot be written: Is a directory" == str(caught.value)


def test_a_log_file_that_cannot_be_opened_anew_goes_on_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder was taken away: that is logged, and no line is lost."""
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile(folder / "flock.log")
    tell = Events([Console(file), file]).tell
    tell(said("one"))
    moved = folder.rename(tmp_path / "elsewhere") / "flock.log"
    tell(Called(at=AT))
    tell(said("two"))
    assert [True, True] == [file.close(), file.close()]
    assert ["one", "two"] == re.findall("one|two", moved.read_text(encoding="utf-8"))
    (warning,) = [line.message for line in caplog.records]
    assert (
        f"--log-file {folder}/flock.log: cannot be written: No such file or directory; the log goes on" in warning
    )


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777])
def test_a_log_file_is_its_owner_s_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """One that flock makes, also where a link leads; one that is there keeps its mode."""
    here, there, link = (tmp_path / name for name in ("here", "there", "link"))
    there.touch(0o640)
    link.symlink_to(tmp_path / "linked")
    before = os.umask(umask)
    try:
        for path in (here, there, link):
            assert LogFile(path).close()
    finally:
        os.umask(before)
    modes = [oct(path.stat().st_mode & 0o777) for path in (here, there)]
    assert ["0o600", "0o640"] == modes
    assert not link.stat().st_mode & 0o177


def test_a_fifo_without_a_reader_is_no_trouble(tmp_path: Path) -> None:
    """It is opened at once, takes lines until it is full, and the reader that comes later gets them."""
    path = tmp_path / "flock.log"
    os.mkfifo(path)
    file = LogFile(path)
    console = Console(file)
    for number in range(3_000):
        console(said(f"line {number}"))
    with path.open(encoding="utf-8") as reader:
        lines = [reader.readline().rpartition(": ")[2] for _ in range(3_000)]
    assert file.close()
    assert [f"line {number}\n" for number in range(3_000)] == lines


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/full"])
def test_a_device_is_no_trouble(device: str) -> None:
    """Lines go where they go."""
    file = LogFile(Path(device))
    console = Console(file)
    for number in range(100):
        console(said(f"line {number}"))
    assert file.close()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_a_file_name_holds_is_not_obeyed(log_format: LogFormat) -> None:
    """Neither in a message nor in a traceback: a name with a line feed, a colour and a right-to-left override."""
    name = "keys/do\nlly\x1b[31m\u202egnp\u2028.json"
    line = record(error=ValueError(name))
    line.args = (name,)
    text = LogFormatter(log_format).format(line)
    assert not set("\x1b\u202e\u2028") & set(text)
    assert text.startswith("{" if log_format == "json" else "flock: warning: keys/do\ufffdlly\ufffd[31m\ufffdgnp")
    if log_format == "json":
        assert f"{name} is odd" == json.loads(text)["text"]


def test_a_thread_that_is_no_sheeps_is_no_bot() -> None:
    """Python names threads with a blank, and so does the flock; bots' names have none."""
    line = record()
    line.threadName = "Thread-1 (serve)"
    assert "flock: warning: this is odd" == LogFormatter("text").format(line)


@contextmanager
def fresh_logging() -> Iterator[logging.Logger]:
    """Give the flock's logger as it is in a fresh process; pytest's own handlers are put back afterwards."""
    logger, root = logging.getLogger("flock"), logging.getLogger()
    before = logger.handlers[:], logger.level, logger.propagate
    of_root, root.handlers[:] = root.handlers[:], []
    logger.handlers[:] = []
    try:
        yield logger
    finally:
        logger.handlers[:], logger.level, logger.propagate = before
        root.handlers[:] = of_root


def test_no_thread_that_logs_waits_for_a_reader(pipe: Pipe) -> None:
    """What does not fit is dropped and told of, in the log's own format."""
    writer = Writer(pipe.stream, "the pipe", capacity=200)
    with fresh_logging() as logger:
        log_to_stderr("text", writer=writer)
        for number in range(900):
            logger.warning("line %s", number)
    pipe.start_reading()
    assert writer.close()
    *shown, notice = pipe.text().splitlines()
    assert [f"flock: warning: line {number}" for number in range(len(shown))] == shown
    dropped = 900 - len(shown)
    assert f"flock: warning: {dropped} lines were dropped: the reader of the pipe did not keep up" == notice


def test_a_program_without_logging_gets_warnings_and_waits_for_no_reader(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver of three lines: more warnings than its pipe holds; set up once."""
    monkeypatch.setattr(sys, "stderr", pipe.stream)
    with fresh_logging() as logger:
        log_unless_configured()
        log_unless_configured()
        (handler,) = logger.handlers
        for number in range(200):
            logger.warning("line %s", number)
    pipe.start_reading()
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream.close()
    assert [f"flock: warning: line {number}" for number in range(200)] == pipe.text().splitlines()


def test_a_program_that_sets_logging_up_later_gets_each_record_once(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own handler has them then."""
    monkeypatch.setattr(sys, "stderr", pipe.stream)
    own = io.StringIO()
    with fresh_logging() as logger:
        log_unless_configured()
        (handler,) = logger.handlers
        logging.getLogger().addHandler(logging.StreamHandler(own))
        logger.warning("baa")
    pipe.start_reading()
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream.close()
    assert "baa\n" == own.getvalue()
    assert "" == pipe.text()


def test_without_a_standard_error_logging_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flock run keys 2>&-`."""
    monkeypatch.setattr(sys, "stderr", None)
    for set_up in (log_to_stderr, log_unless_configured):
        with fresh_logging() as logger:
            set_up()
            logger.warning("baa")
