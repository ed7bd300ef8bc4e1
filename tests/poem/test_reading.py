"""Reading a poem from a file."""

import os
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadPoem
from flock.poem import read_poem, read_poem_file
from flock.poem.reading import LARGEST, LONGEST_LINE
from tests.conftest import no_more_files
from tests.keys.test_key import bind_socket_at, make_folder_at


def write(folder: Path, content: str | bytes) -> Path:
    """Write a poem and return its path."""
    path = folder / "poem.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("one\ntwo\n", ("one", "two")),
        ("one\r\ntwo\r\n", ("one", "two")),
        ("one\rtwo", ("one", "two")),
        ("one\ntwo", ("one", "two")),
        ("\ufeffone\ntwo\n", ("one", "two")),
        ("\n\n  one  \n \t \n\n\ttwo\n\n", ("one", "two")),
        ("a\tb  c\n", ("a\tb  c",)),
        ("cafe\u0301\n", ("café",)),
        ("Μῆνιν ἄειδε θεά\n羊眠れず\nبأ\u0640 بأ\n", ("Μῆνιν ἄειδε θεά", "羊眠れず", "بأ\u0640 بأ")),
        ("\u3000羊\u3000\n", ("羊",)),
        ("baa\nbaa\n", ("baa", "baa")),
    ],
)
def test_a_poem_is_its_stripped_lines(tmp_path: Path, content: str, expected: tuple[str, ...]) -> None:
    """Files of every editor give the same lines; a tab inside a line stays, and equal lines stay two lines."""
    assert expected == read_poem(write(tmp_path, content))


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\r\r\n", "\v", "\f", "\x85", "\u2028", "\u2029", "\x1c", "\x1d", "\x1e", "\n\f"]
)
def test_every_line_end_of_unicode_ends_a_line(tmp_path: Path, end: str) -> None:
    """As Google Docs, InDesign, PDF and old systems write it; DOS puts U+001A at the end of a file."""
    path = write(tmp_path, end.join(["one", "", "two", " three"]) + end + "\x1a")
    assert ("one", "two", "three") == read_poem(path)


def test_a_line_has_the_number_that_an_editor_shows(tmp_path: Path) -> None:
    """Empty lines count, and a line end of two characters is one."""
    poem = read_poem_file(write(tmp_path, "one\r\n\r\ntwo\r\r\n\u200b\nfive"))
    assert [(1, "one"), (3, "two"), (5, "five")] == [tuple(line) for line in poem.lines]
    assert [(4, "\u200b")] == [tuple(line) for line in poem.blank]


def is_unpostable(letter: str) -> bool:
    """Return whether X takes no text with `letter`: a control or a noncharacter."""
    code = ord(letter)
    is_control = unicodedata.category(letter) == "Cc" and letter not in "\t\n\v\f\r\x1c\x1d\x1e\x85"
    return is_control or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\x1b\x00\ufdd0\U0003fffe\u200b\n\x1d")))
def test_no_line_of_any_poem_is_empty_or_out_of_form(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A text is either a poem, whose lines are stripped, in NFC and of one line, or a BadPoem."""
    path = write(tmp_path_factory.mktemp("any"), text)
    if any(map(is_unpostable, text)) or not any(map(str.isprintable, text.replace(" ", ""))):
        with suppress(BadPoem):  # nothing but letters that Python does not know yet are a poem
            assert not any(map(is_unpostable, "".join(read_poem(path))))
        return
    assert [] == [
        line
        for line in read_poem(path)
        if line != unicodedata.normalize("NFC", line.strip()) or len(line.splitlines()) != 1
    ]


@pytest.mark.parametrize(
    ("letter", "kind"),
    [
        ("\0", "a control character (U+0000)"),
        ("\x1b", "a control character (U+001B)"),
        ("\x7f", "a control character (U+007F)"),
        ("\x9d", "a wrongly converted character (U+009D)"),
        ("\ufffe", "a noncharacter (U+FFFE)"),
        ("\ufdd0", "a noncharacter (U+FDD0)"),
        ("\U0010ffff", "a noncharacter (U+10FFFF)"),
    ],
)
def test_what_x_takes_in_no_text_is_refused_by_its_line(tmp_path: Path, letter: str, kind: str) -> None:
    """It is never posted, and never raw in the message."""
    path = write(tmp_path, f"one\ntw{letter}o\n")
    assert f"{kind} in line 2 of {path}; save it as plain text, in UTF-8" == refusal_of(path)


@pytest.mark.parametrize(
    "text", ["\u200b", "\u200d\ufe0f", "\u00ad", "\u3164", "\u2800\u2800", "\U000e0067", "\u2060 \u2060"]
)
def test_a_line_that_shows_nothing_is_left_out(tmp_path: Path, text: str) -> None:
    """A post of it would be blank."""
    assert ("one", "two") == read_poem(write(tmp_path, f"one\n{text}\ntwo\n"))
    assert refusal_of(write(tmp_path, f"{text}\n")).startswith("no line to say")


@pytest.mark.parametrize("content", ["", "\n\n", " \t\r\n", "\ufeff", "\ufeff\n \ufeff\n"])
def test_a_poem_without_a_line_is_refused(tmp_path: Path, content: str) -> None:
    """A poem without lines is refused."""
    path = write(tmp_path, content)
    with pytest.raises(BadPoem) as caught:
        read_poem(path)
    assert f"no line to say in {path}; write at least one" == str(caught.value)


def test_a_missing_poem_is_refused_by_its_path(tmp_path: Path) -> None:
    """The message names the file that was looked for."""
    with pytest.raises(BadPoem) as caught:
        read_poem(tmp_path / "lost.txt")
    assert str(caught.value).startswith(f"no such file: {tmp_path / 'lost.txt'}")


@pytest.mark.parametrize("name", ["x" * 5000, "\ud800.txt", "nul\0.txt"])
def test_a_path_that_can_be_no_file_is_refused_like_any_other(tmp_path: Path, name: str) -> None:
    """Too long a name, or one that no file system takes, is the operator's mistake and not a crash."""
    with pytest.raises(BadPoem):
        read_poem(tmp_path / name)


def test_an_edited_poem_is_read_anew_and_an_unchanged_one_is_shared(tmp_path: Path) -> None:
    """Five hundred sheep with one poem hold one copy of it; a saved edit is seen at the next reading."""
    path = write(tmp_path, "one\n")
    first = read_poem(path)
    assert first is read_poem(path)
    write(tmp_path, "one, and two\n")
    assert ("one, and two",) == read_poem(path)


def refusal_of(path: Path) -> str:
    """Return what is said of a poem that cannot be read."""
    with pytest.raises(BadPoem) as caught:
        read_poem(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (make_folder_at, "a folder"),
        (os.mkfifo, "a named pipe"),
        (bind_socket_at, "a socket"),
        (lambda file: file.symlink_to("/dev/zero"), "a device"),
        (lambda file: file.symlink_to("/dev/null"), "a device"),
    ],
)
def test_what_is_no_plain_file_is_no_poem(tmp_path: Path, make: Callable[[Path], None], found: str) -> None:
    """Reading a named pipe would block, and /dev/zero has no end."""
    path = tmp_path / "poem.txt"
    make(path)
    assert f"expected a plain file, found {found}: {path}; give the path of a text file" == refusal_of(path)


def test_a_poem_of_a_terabyte_is_not_read(tmp_path: Path) -> None:
    """8 MB are read, one byte more is refused at once."""
    path = write(tmp_path, ("baa " * 4999 + "baa\n") * (LARGEST // 20_000))
    assert LARGEST // 20_000 == len(read_poem(path))
    with path.open("ab") as opened:
        opened.truncate(LARGEST + 1)
    too_large = f"too large for a poem (over 8 MB): {path}; give each bot a part of it"
    assert too_large == refusal_of(path)
    with path.open("ab") as opened:
        opened.truncate(10**12)  # sparse: it takes no room on the disk
    assert too_large == refusal_of(path)


def test_a_line_beyond_reason_is_refused_by_its_number(tmp_path: Path) -> None:
    """A line of 20,000 letters is some 75 posts; a longer one is a file without line ends."""
    longest = "baa " * (LONGEST_LINE // 4 - 1) + "baaa"
    assert (longest,) == read_poem(write(tmp_path, f"  {longest}\n"))
    path = write(tmp_path, f"one\n\n{longest}a\n")
    assert f"line 3 of {path} has 20,001 letters; break it into lines of at most 20,000" == refusal_of(path)


def test_marks_without_end_on_one_letter_take_no_time(tmp_path: Path) -> None:
    """Unicode's normal form puts them in order, which takes the square of their number."""
    line = "a" + "\u0301\u0323" * (LONGEST_LINE // 2 - 1)
    path = write(tmp_path, f"{line}\n" * 50)
    before = time.process_time()
    assert (line,) * 50 == read_poem(path)
    assert time.process_time() - before < 2.0


def test_a_process_without_file_descriptors_says_so(tmp_path: Path) -> None:
    """The poem is good, and its permissions too."""
    path = write(tmp_path, "baa\n")
    with no_more_files():
        refusal = refusal_of(path)
    assert f"{path} cannot be read: Too many open files; raise LimitNOFILE= or ulimit -n" == refusal


def test_a_path_with_control_and_direction_marks_is_shown_harmless(tmp_path: Path) -> None:
    """A terminal would obey them."""
    path = tmp_path / "\x1b[2J\u202etxt\u2028"
    assert f"no such file: {tmp_path}/\\x1b[2J\\u202etxt\\u2028; " == refusal_of(path).split("a relative")[0]
