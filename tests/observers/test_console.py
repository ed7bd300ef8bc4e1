"""Console: output to a terminal, a pipe, and the system's journal."""

import io
import json
import logging
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.events import BackingOff, Event, Out, Penned, Skipped
from flock.observers.console import Console, LogFormat, is_journald
from flock.observers.wording import describe
from flock.observers.writer import Writer
from tests.observers.conftest import Pipe, said

AT = datetime(2026, 11, 23, 17, 38, 5, 250_000, tzinfo=UTC).timestamp()
PENNED = Penned(at=AT, bot="dolly", why="suspended", advice="appeal")
SKIPPED = Skipped(at=AT, bot="dolly", text="baa", n=1, why="too long")
STYLES = re.compile(r"\x1b\[[0-9;]*m")
MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"  # bidi, line ends
FORMATS: list[LogFormat] = ["auto", "text", "json"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(
    event: Event, stream: io.StringIO, *, log_format: LogFormat = "auto", level: int = logging.INFO
) -> str:
    """Return what a console writes of `event` to `stream`."""
    Console(stream, log_format=log_format, level=level)(event)
    return stream.getvalue()


def test_in_a_pipe_an_event_is_a_plain_line_with_its_full_time() -> None:
    """Times are in UTC, so that logs of several machines can be merged."""
    assert "2026-11-23T17:38:05.250Z dolly: Roll call at four: baa\n" == printed(said(), io.StringIO())


def test_what_is_the_whole_flocks_says_so() -> None:
    """The line of an event of the whole flock begins with "flock"."""
    line = printed(Out(at=AT, sheep=5), io.StringIO())
    assert f"2026-11-23T17:38:05.250Z flock: {describe(Out(at=AT, sheep=5))}\n" == line


def test_on_a_terminal_time_and_name_come_first_in_columns() -> None:
    """Without its styles the line is the time, the name and the text, in columns."""
    line = STYLES.sub("", printed(said(), Terminal()))
    assert re.fullmatch(r"\d\d:38:05  dolly            Roll call at four: baa\n", line)


def test_on_a_terminal_each_bot_keeps_its_colour() -> None:
    """A warning is yellow, and an error is red."""
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
    """--log-format text has no styles."""
    assert "2026-11-23T17:38:05.250Z dolly: Roll call at four: baa\n" == printed(
        said(), Terminal(), log_format="text"
    )


def journal_stream(path: Path) -> str:
    """Return JOURNAL_STREAM for the file, as systemd sets it."""
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
    """Each line is JSON, for every text of a poem or a network."""
    line = printed(Skipped(at=AT, bot="dolly", text=text, n=1, why=why), io.StringIO(), log_format="json")
    assert [text, why] == [json.loads(line)[name] for name in ("text", "why")]
    assert 1 == line.count("\n")


@pytest.mark.parametrize("log_format", FORMATS)
@given(text=st.text(st.characters(max_codepoint=0x9F) | st.sampled_from(MARKS)))
def test_no_control_character_of_a_poem_reaches_the_terminal(log_format: LogFormat, text: str) -> None:
    """Neither escape sequences (C0 and C1) nor line ends nor bidirectional controls; a tab does no harm."""
    line = STYLES.sub("", printed(said(text), Terminal(), log_format=log_format))
    assert "" == "".join(re.findall(rf"[\x00-\x08\x0a-\x1f\x7f-\x9f{MARKS}]", line.removesuffix("\n")))


def test_a_styled_poem_stays_text_on_a_terminal() -> None:
    """The red of a poem's own escape sequence is not obeyed."""
    line = printed(said("\x1b[31mred\x1b]0;title\x07"), Terminal())
    assert "\ufffd[31mred\ufffd]0;title\ufffd" in line


def test_events_below_the_level_are_not_told() -> None:
    """--quiet prints warnings and errors only."""
    assert "" == printed(said(), io.StringIO(), level=logging.WARNING)
    assert "" != printed(SKIPPED, io.StringIO(), level=logging.WARNING)


@pytest.mark.parametrize("name", ["dolly", "a_name_that_is_longer_than_the_column"])
def test_a_bots_name_is_never_cut(name: str) -> None:
    """A long one moves its line to the right."""
    assert f"  {name}" in STYLES.sub("", printed(said(bot=name), Terminal()))


def test_without_a_stream_events_go_to_standard_output_and_no_teller_waits(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a driver of three lines gets: more lines than its pipe holds, and a reader that comes late."""
    monkeypatch.setattr(sys, "stdout", pipe.stream)
    console = Console()
    texts = [f"line {number}" for number in range(200)]
    for text in texts:
        console(said(text))
    pipe.start_reading()
    console.close()
    assert texts == [line.partition("dolly: ")[2] for line in pipe.text().splitlines()]


@pytest.mark.parametrize(
    ("log_format", "expected"),
    [
        ("text", r"\d{4}-\S+Z flock: (\d+) lines were dropped: the reader of the pipe did not keep up"),
        ("json", r'{"time": .*, "level": "warning", "event": "dropped", .*"lines": (\d+), "why": ".*"}'),
    ],
)
def test_what_was_dropped_is_told_in_the_consoles_own_format(
    pipe: Pipe, log_format: LogFormat, expected: str
) -> None:
    """One reader understands all lines; what is shown and what was dropped is all there was."""
    console = Console(Writer(pipe.stream, "the pipe", capacity=200), log_format=log_format)
    for number in range(900):
        console(said(f"line {number}"))
    pipe.start_reading()
    console.close()
    *shown, notice = pipe.text().splitlines()
    found = re.fullmatch(expected, notice)
    assert found
    assert 900 == len(shown) + int(found[1])


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_reader_that_hung_up_stops_no_bot(pipe: Pipe, log_format: LogFormat) -> None:
    """As in `flock run keys | head`: told once, and the flock goes on."""
    calls: list[int] = []
    writer = Writer(pipe.stream, "the pipe")
    console = Console(writer, log_format=log_format, on_closed=lambda: calls.append(1))
    pipe.hang_up()
    for _ in range(3):
        console(said())
    console.close()
    console.close()
    console(said())
    assert [1] == calls


def test_without_a_standard_output_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """`flock run keys >&-`: Python has None for it."""
    monkeypatch.setattr(sys, "stdout", None)
    console = Console()
    console(said())
    console.close()


def test_a_stream_of_ones_own_is_written_at_once_and_may_fail(tmp_path: Path) -> None:
    """It is closed, or its disk is full: the line is lost, and nothing else."""
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        console = Console(stream)
        console(said())
        shown = (tmp_path / "out").read_text(encoding="utf-8")
    console(said())
    Console(stream)(said())
    assert shown == (tmp_path / "out").read_text(encoding="utf-8")
    assert "Roll call" in shown
