"""The bounded queue before each stream: no writer waits for its reader. With real pipes and files."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from flock.observers.writer import Writer, close_all, standard_writers
from tests.conftest import TIMEOUT, open_files
from tests.observers.conftest import SMALL, Pipe

LINE = "a line of forty characters, with its end\n"
ENOUGH = 3 * SMALL // len(LINE)  # lines: more than a small pipe holds


def numbered(count: int) -> list[str]:
    """Return so many lines that can be told apart."""
    return [
        f"{number:5}: what line {number} says, at a length that is common for poems\n" for number in range(count)
    ]


def test_lines_are_written_in_order_and_at_once(pipe: Pipe) -> None:
    """The reader sees a line without anything else being done."""
    writer = Writer(pipe.stream, "the pipe")
    pipe.start_reading()
    for line in numbered(ENOUGH):
        writer.write(line)
    assert writer.close()
    assert "".join(numbered(ENOUGH)) == pipe.text()


def test_a_line_needs_no_second_one_to_be_seen() -> None:
    """Nothing is held back in a buffer: a dry run shows its first line before its second is due."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as reader:
        writer = Writer(stream, "the pipe")
        writer.write(LINE)
        assert LINE == reader.readline()
        assert writer.close()


def test_what_a_stopped_reader_does_not_take_is_dropped_and_counted(pipe: Pipe) -> None:
    """No write waits; when the reader is back, it gets what was queued, in order, and one line with the count."""
    writer = Writer(pipe.stream, "the pipe", capacity=ENOUGH)
    lines = numbered(10 * ENOUGH)
    for line in lines:
        writer.write(line)

    pipe.start_reading()
    finish(writer)
    writer.write("the reader is back\n")
    assert writer.close()

    *shown, notice, last = pipe.text().splitlines(keepends=True)
    assert ENOUGH <= len(shown) < 3 * ENOUGH
    assert lines[: len(shown)] == shown
    dropped = len(lines) - len(shown)
    assert f"{dropped} lines were dropped: the reader of the pipe did not keep up\n" == notice
    assert "the reader is back\n" == last


def test_a_slow_reader_is_told_once_of_what_was_dropped(pipe: Pipe) -> None:
    """Lines are dropped until all that waited is written: not a notice after every few lines."""
    writer = Writer(pipe.stream, "the pipe", capacity=ENOUGH)
    lines = numbered(10 * ENOUGH)
    for line in lines:
        writer.write(line)
    begin = pipe.read(2 * SMALL)
    writer.write("there was room for this one\n")
    pipe.start_reading()
    assert writer.close()

    *shown, notice = (begin + pipe.text()).splitlines(keepends=True)
    assert lines[: len(shown)] == shown
    assert notice.startswith(f"{len(lines) + 1 - len(shown)} lines were dropped: ")


def finish(writer: Writer) -> None:
    """Wait until all that was queued is written."""
    done = threading.Event()
    writer.do(done.set)
    assert done.wait(TIMEOUT)


def test_a_text_longer_than_the_queue_is_written_when_nothing_waits(pipe: Pipe) -> None:
    """A traceback counts as its lines, and is written whole or not at all."""
    writer = Writer(pipe.stream, "the pipe", capacity=2)
    writer.write("1\n2\n3\n4\n")
    finish(writer)
    writer.write("5\n")
    pipe.start_reading()
    assert writer.close()
    assert "1\n2\n3\n4\n5\n" == pipe.text()


def test_closing_waits_no_longer_than_the_grace_for_a_stopped_reader(pipe: Pipe) -> None:
    """Twice, too; and what comes afterwards is neither written nor an error."""
    writer = Writer(pipe.stream, "the pipe")
    for line in numbered(ENOUGH):
        writer.write(line)
    assert [False, False] == [writer.close(0.01), writer.close(0.01)]
    writer.write(LINE)
    writer.do(lambda: pytest.fail("called after the end"))

    pipe.start_reading()
    assert writer.close(TIMEOUT)
    assert "".join(numbered(ENOUGH)) == pipe.text()


def test_closing_twice_does_no_harm(pipe: Pipe) -> None:
    """The stream stays open: it is not the writer's own."""
    writer = Writer(pipe.stream, "the pipe")
    assert [True, True] == [close_all(writer, writer), writer.close()]
    assert not pipe.stream.closed


def test_a_reader_that_hangs_up_is_told_of_once(pipe: Pipe) -> None:
    """Also while the writer is blocked; later lines are dropped, and prints of the program succeed."""
    calls: list[str] = []
    writer = Writer(pipe.stream, "the pipe")
    writer.when_closed(lambda: calls.append(threading.current_thread().name))
    for line in numbered(ENOUGH):
        writer.write(line)
    assert not writer.close(0.01)

    pipe.hang_up()

    assert writer.close(TIMEOUT)
    assert ["flock: writer of the pipe"] == calls
    print(LINE * ENOUGH, file=pipe.stream, flush=True)


def test_a_reader_that_is_gone_already_is_told_of_at_once(pipe: Pipe) -> None:
    """The reader may be gone before there is a flock to stop."""
    writer = Writer(pipe.stream, "the pipe")
    pipe.hang_up()
    writer.write(LINE)
    finish(writer)
    calls: list[int] = []
    writer.when_closed(lambda: calls.append(1))
    assert [1] == calls
    assert writer.close()


def test_a_second_broken_pipe_changes_nothing(pipe: Pipe) -> None:
    """No descriptor leaks, however many lines are told to a reader that is gone."""
    writer = Writer(pipe.stream, "the pipe")
    pipe.hang_up()
    writer.write(LINE)
    finish(writer)
    null = Path(os.devnull)
    before = open_files(null)
    for line in numbered(ENOUGH):
        writer.write(line)
    assert writer.close()
    assert before == open_files(null)  # the writer put it in the pipe's place


def test_a_standard_stream_that_was_closed_at_the_start_takes_nothing() -> None:
    """Python makes None of it."""
    writer = Writer(None, "standard output")
    assert len(LINE) == writer.write(LINE)
    assert not writer.isatty()
    with pytest.raises(ValueError, match="standard output is closed"):
        writer.fileno()
    assert writer.close()


def test_a_stream_that_is_closed_later_takes_nothing(tmp_path: Path) -> None:
    """Nothing is raised, and the thread lives."""
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        writer = Writer(stream, "the file")
        writer.write(LINE)
        finish(writer)
    writer.write(LINE)
    assert writer.close()
    assert LINE == (tmp_path / "out").read_text()


def test_a_pipe_that_does_not_block_gets_whole_lines(pipe: Pipe) -> None:
    """Some parent processes leave O_NONBLOCK set; a full pipe then answers at once, in the middle of a line."""
    os.set_blocking(pipe.writing, False)
    writer = Writer(pipe.stream, "the pipe")
    for line in numbered(ENOUGH):
        writer.write(line)
    assert not writer.close(0.01)
    pipe.start_reading()
    assert writer.close(TIMEOUT)
    assert "".join(numbered(ENOUGH)) == pipe.text()


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let the files of this process grow to so many bytes: then a write is cut short, as by a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_after_a_line_that_was_cut_short_the_next_begins_on_its_own(tmp_path: Path) -> None:
    """What reads the log finds one broken line, and not two in one."""
    path = tmp_path / "log"
    with path.open("w", encoding="utf-8") as stream:
        writer = Writer(stream, "the file")
        with files_up_to(60):
            writer.write("A" * 40 + "\n")
            writer.write("B" * 40 + "\n")
            writer.write("C" * 40 + "\n")
            finish(writer)
        writer.write("D" * 40 + "\n")
        writer.write("E" * 40 + "\n")
        assert writer.close()
    lines = [line for line in path.read_text().splitlines() if "dropped" not in line]
    assert [("A", 40), ("B", 19), ("D", 40), ("E", 40)] == [(line[0], len(line)) for line in lines]


def test_lines_that_a_full_disk_lost_are_counted_and_told_when_it_has_room(tmp_path: Path) -> None:
    """Once, with the reason; a later loss is counted anew."""
    path = tmp_path / "log"
    with path.open("w", encoding="utf-8") as stream:
        writer = Writer(stream, "the file")
        for _ in range(2):
            with files_up_to(path.stat().st_size):
                for _ in range(5):
                    writer.write(LINE)
                finish(writer)
            writer.write(LINE)
            finish(writer)
        writer.write(LINE)
        assert writer.close()
    told = "5 lines were dropped: the file could not be written: File too large\n"
    assert 2 * (LINE + told) + LINE == path.read_text()


def fail() -> None:
    raise ZeroDivisionError


def test_work_is_done_after_what_was_queued_before_it(pipe: Pipe) -> None:
    """And a failure of it is no end of the writer."""
    writer = Writer(pipe.stream, "the pipe")
    writer.write("before\n")
    writer.do(lambda: print("work", file=pipe.stream))
    writer.do(fail)
    writer.write("after\n")
    pipe.start_reading()
    assert writer.close()
    assert "before\nwork\nafter\n" == pipe.text()


@pytest.mark.parametrize("has_descriptor", [True, False])
def test_what_an_encoding_lacks_is_escaped(tmp_path: Path, *, has_descriptor: bool) -> None:
    """A Latin-1 terminal, a Greek poem."""
    stream: TextIO
    if has_descriptor:
        stream = (tmp_path / "out").open("w", encoding="latin-1")
    else:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    writer = Writer(stream, "the stream")
    writer.write("é λ \udcff\n")
    assert writer.close()
    if has_descriptor:
        stream.close()
        assert b"\xe9 \\u03bb \\udcff\n" == (tmp_path / "out").read_bytes()
    else:
        stream.seek(0)
        assert stream.read().endswith("\\u03bb \\udcff\n")


def test_standard_output_and_error_share_a_writer_where_they_are_one_file(
    make_pipe: Callable[[], Pipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So their lines keep their order: a terminal, and `2>&1`."""
    one, other = make_pipe(), make_pipe()
    twin = os.fdopen(os.dup(one.writing), "w")
    monkeypatch.setattr(sys, "stdout", one.stream)
    for errors, is_shared in ((twin, True), (other.stream, False), (None, False)):
        monkeypatch.setattr(sys, "stderr", errors)
        writers = standard_writers()
        assert is_shared == (writers[0] is writers[1])
        assert close_all(*writers)
    twin.close()


PROGRAM = """
import sys
from flock.observers.writer import Writer
writer = Writer(sys.stdout, "standard output")
for number in range({lines}):
    writer.write("a line of forty characters, with its end\\n")
print("at once", file=sys.stderr, flush=True)
sys.exit(7)
"""


@pytest.mark.parametrize("is_read", [True, False])
def test_a_program_ends_with_its_own_code_and_its_lines_written(*, is_read: bool) -> None:
    """The writer closes itself at the end; a reader that does not read delays the end by a second, and no more."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(lines=9000)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    with process:
        assert "at once\n" == process.stderr.readline()
        output = process.stdout.read() if is_read else ""
        code = process.wait(timeout=TIMEOUT)
        errors = process.stderr.read()
    assert (7, "") == (code, errors)
    assert LINE * (9000 if is_read else 0) == output


class Counted(io.StringIO):
    """A stream in memory that counts the writes to it."""

    writes = 0

    def write(self, text: str, /) -> int:
        self.writes += 1
        return super().write(text)


def test_lines_that_come_together_are_written_together() -> None:
    """All of them, in their order, with far fewer writes than lines."""
    stream = Counted()
    writer = Writer(stream, "a stream")
    lines = numbered(500)
    for line in lines:
        writer.write(line)
    assert writer.close(TIMEOUT)
    assert "".join(lines) == stream.getvalue()
    assert stream.writes < len(lines) / 10
