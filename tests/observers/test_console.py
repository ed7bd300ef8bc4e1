"""The flock on a terminal, in a pipe, or in the system's journal."""

import io
import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadOption
from flock.events import BackingOff, Called, Event, Events, Out, Penned, Said, Skipped
from flock.observers.console import Console, LogFile, LogFormat, LogFormatter, is_journald
from flock.observers.wording import describe

AT = datetime(2026, 11, 23, 17, 38, 5, 250_000, tzinfo=UTC).timestamp()
PENNED = Penned(at=AT, bot="dolly", why="suspended", advice="appeal")
SKIPPED = Skipped(at=AT, bot="dolly", text="baa", n=1, why="too long")
STYLES = re.compile(r"\x1b\[[0-9;]*m")
FORMATS: list[LogFormat] = ["auto", "text", "json"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def said(text: str = "Roll call at four: baa", bot: str = "dolly") -> Said:
    """Return the event of a tweet."""
    return Said(at=AT, bot=bot, text=text, n=4, line=1, lines=2, age=2.5, late=0.0, post_id="99")


def printed(
    event: Event, stream: io.StringIO, *, log_format: LogFormat = "auto", level: int = logging.INFO
) -> str:
    """Return what a console writes of `event` to `stream`."""
    Console(stream, log_format=log_format, level=level)(event)
    return stream.getvalue()


def test_in_a_pipe_an_event_is_a_plain_line_with_its_full_time() -> None:
    """In UTC, so that logs of several machines sort."""
    assert "2026-11-23T17:38:05.250Z dolly: Roll call at four: baa\n" == printed(said(), io.StringIO())


def test_what_is_the_whole_flocks_says_so() -> None:
    """It has no bot's name."""
    line = printed(Out(at=AT, sheep=5), io.StringIO())
    assert f"2026-11-23T17:38:05.250Z flock: {describe(Out(at=AT, sheep=5))}\n" == line


def test_on_a_terminal_time_and_name_come_first_in_columns() -> None:
    """Without the styles it reads like this."""
    line = STYLES.sub("", printed(said(), Terminal()))
    assert re.fullmatch(r"\d\d:38:05  dolly            Roll call at four: baa\n", line)


def test_on_a_terminal_each_bot_keeps_its_colour() -> None:
    """Trouble is yellow, and worse is red."""
    assert printed(said("a"), Terminal()).split("dolly")[0] == printed(said("b"), Terminal()).split("dolly")[0]
    assert "\x1b[31m" in printed(PENNED, Terminal())
    assert "\x1b[33m" in printed(SKIPPED, Terminal())


def test_no_color_means_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The convention of no-color.org: set, and not empty."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(PENNED, Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b" in printed(PENNED, Terminal())


def test_the_text_format_is_plain_on_a_terminal_too() -> None:
    """As asked for."""
    assert "2026-11-23T17:38:05.250Z dolly: Roll call at four: baa\n" == printed(
        said(), Terminal(), log_format="text"
    )


def journal_stream(path: Path) -> str:
    """Return what systemd would say of the file."""
    status = path.stat()
    return f"{status.st_dev}:{status.st_ino}"


@pytest.mark.parametrize(
    ("event", "prefix"),
    [
        (said(), "<6>dolly: Roll"),
        (SKIPPED, "<4>dolly: skips"),
        (PENNED, "<3>dolly: IS PENNED"),
        (BackingOff(at=AT, bot="dolly", why="x", seconds=1, attempt=2), "<7>dolly: tries"),
        (Out(at=AT, sheep=5), "<6>flock: "),
    ],
)
def test_under_journald_a_line_has_its_priority_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Event, prefix: str
) -> None:
    """systemd adds the time, and reads the priority from the angle brackets."""
    path = tmp_path / "out"
    with path.open("w", encoding="utf-8") as stream:
        monkeypatch.setenv("JOURNAL_STREAM", journal_stream(path))
        Console(stream, level=logging.DEBUG)(event)
    assert path.read_text(encoding="utf-8").startswith(prefix)


def test_a_file_is_not_the_journal(tmp_path: Path) -> None:
    """Nor is a stream without a file, or another file than JOURNAL_STREAM names."""
    path = tmp_path / "out"
    with path.open("w", encoding="utf-8") as stream:
        assert is_journald(stream, {"JOURNAL_STREAM": journal_stream(path)})
        assert not is_journald(stream, {})
        assert not is_journald(stream, {"JOURNAL_STREAM": "1:2"})
    assert not is_journald(stream, {"JOURNAL_STREAM": "1:2"})
    assert not is_journald(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_a_json_line_reads_back() -> None:
    """With the event's name, its level and its time, and every field."""
    line = printed(said("羊 \x1b[31m\n"), io.StringIO(), log_format="json")
    expected = {"time": "2026-11-23T17:38:05.250Z", "level": "info", **said("羊 \x1b[31m\n").as_dict()}
    assert expected == json.loads(line)
    assert "said" == expected["event"]


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_every_json_event_is_one_line_that_reads_back(text: str, why: str) -> None:
    """Whatever poems and networks say."""
    line = printed(Skipped(at=AT, bot="dolly", text=text, n=1, why=why), io.StringIO(), log_format="json")
    assert [text, why] == [json.loads(line)[name] for name in ("text", "why")]
    assert 1 == line.count("\n")


@pytest.mark.parametrize("log_format", FORMATS)
@given(text=st.text(st.characters(max_codepoint=0x9F)))
def test_no_control_character_of_a_poem_reaches_the_terminal(log_format: LogFormat, text: str) -> None:
    """Neither escape sequences (C0 and C1) nor line feeds; a tab does no harm."""
    line = STYLES.sub("", printed(said(text), Terminal(), log_format=log_format))
    assert "" == "".join(re.findall(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line.removesuffix("\n")))


def test_a_styled_poem_stays_text_on_a_terminal() -> None:
    """The red of a poem's own escape sequence is not obeyed."""
    line = printed(said("\x1b[31mred\x1b]0;title\x07"), Terminal())
    assert "\ufffd[31mred\ufffd]0;title\ufffd" in line


def test_events_below_the_level_are_not_told() -> None:
    """--quiet tells of trouble only."""
    assert "" == printed(said(), io.StringIO(), level=logging.WARNING)
    assert "" != printed(SKIPPED, io.StringIO(), level=logging.WARNING)


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_reader_that_hung_up_troubles_nobody(log_format: LogFormat) -> None:
    """As in `flock run keys | head`: the flock goes on, unheard."""
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.MonkeyPatch.context() as patch:
        stream = io.TextIOWrapper(io.FileIO(writing, "w"), encoding="utf-8", write_through=True)
        patch.setattr(sys, "stdout", stream)
        console = Console(log_format=log_format)
        console(said())
        console(said())
    stream.close()
    console(said())
    with pytest.raises(ValueError, match="closed file"):
        stream.write("baa")


@pytest.mark.parametrize("name", ["dolly", "a_name_that_is_longer_than_the_column"])
def test_a_bots_name_is_never_cut(name: str) -> None:
    """A long one moves its line to the right."""
    assert f"  {name}" in STYLES.sub("", printed(said(bot=name), Terminal()))


def test_a_listener_that_fails_is_logged_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    """An observer's bug is no sheep's trouble."""
    heard: list[Event] = []

    def fail(event: Event) -> None:
        raise RuntimeError(event.bot)

    Events([fail, heard.append]).tell(PENNED)
    assert [PENNED] == heard
    assert ["a listener failed on Penned"] == [record.message for record in caplog.records]


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
    file._file.close()
    assert [["one", "two"], ["three"]] == [
        re.findall("one|two|three", where.read_text(encoding="utf-8")) for where in (moved, path)
    ]


def test_a_log_file_that_cannot_be_written_is_a_bad_option(tmp_path: Path) -> None:
    """One line that names the option and the file."""
    with pytest.raises(BadOption) as caught:
        LogFile(tmp_path)
    assert f"--log-file {tmp_path}: cannot be written: Is a directory" == str(caught.value)
