"""Reading a poem from a file."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.errors import BadPoem
from flock.poem import read_poem
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


@given(st.text(st.characters(codec="utf-8")))
def test_no_line_of_any_poem_is_empty_or_out_of_form(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A text is either a poem, whose lines are stripped and in NFC, or a BadPoem: empty, or no plain text."""
    path = write(tmp_path_factory.mktemp("any"), text)
    try:
        poem = read_poem(path)
    except BadPoem:
        odd = [
            letter for letter in text if unicodedata.category(letter) == "Cc" and letter not in "\t\n\v\f\r\x85"
        ]
        assert odd or "" == text.replace("\ufeff", "").strip()
        return
    assert [] == [line for line in poem if not line or line != unicodedata.normalize("NFC", line.strip())]


def test_a_poem_in_latin_1_is_refused_with_the_way_to_mend_it(tmp_path: Path) -> None:
    """The message says where the first wrong byte is, and how to convert the file."""
    path = write(tmp_path, "na\xefve".encode("latin-1"))
    with pytest.raises(BadPoem) as caught:
        read_poem(path)
    way = "save it as UTF-8, or run: iconv -f WINDOWS-1252 -t UTF-8"
    assert f"not UTF-8 (byte 3 of {path}); {way}" == str(caught.value)


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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_poem_in_utf_16_is_refused(tmp_path: Path, encoding: str) -> None:
    """With its mark the advice names UTF-16; without it the text is full of NULs, which no poem needs."""
    path = write(tmp_path, "The hydra\nat night".encode(encoding))
    with pytest.raises(BadPoem, match=r"iconv -f UTF-16 -t UTF-8|a control character in line 1"):
        read_poem(path)


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
    """16 MB are read, one byte more is refused at once."""
    path = write(tmp_path, "baa\n" * (LARGEST // 4))
    assert LARGEST // 4 == len(read_poem(path))
    with path.open("ab") as opened:
        opened.truncate(LARGEST + 1)
    too_large = f"too large for a poem (over 16 MB): {path}; give each bot a part of it"
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
