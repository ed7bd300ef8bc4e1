"""Reads from a text file what is said of a poem in turn, and what the file says about the poem."""

from __future__ import annotations

import functools
import re
import shlex
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import regex

from flock.errors import BadPoem, printable
from flock.files import NotPlain, TooLarge, read_plain, unreadable
from flock.poem.about import About, BadBlock, Say, split_block
from flock.poem.encodings import COMMON_NAMES, guess_encoding, kind_of_file, mark_of, wide_without_mark
from flock.poem.saying import NumberedLine, paragraphs_of, units_of

LARGEST = 8_000_000  # bytes; all of Shakespeare has 5.5 million
LONGEST_LINE = 20_000  # code points, which are some 75 posts on X
_BYTE_ORDER_MARK = "\ufeff"
_LINE_END = re.compile(r"\r*\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNPOSTABLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)
_NOTHING = regex.compile(r"[\p{Default_Ignorable_Code_Point}\s\u2800]*")
_TOO_MANY_MARKS = regex.compile(r"\p{M}{300}")  # to put them in order takes time that grows with their square
_END_OF_FILE = "\x1a"  # as DOS wrote it


class PoemFile(NamedTuple):
    """What is in a poem's file.

    `about` is what the block at its top says. `lines` are the lines of the poem, and `blank` those that would show
    nothing. `said` is what is said in turn, with the number of its first line.
    """

    about: About
    lines: tuple[NumberedLine, ...]
    blank: tuple[NumberedLine, ...]
    said: tuple[NumberedLine, ...]


def read_poem(path: Path, say: Say | None = None, otherwise: Say = "lines") -> tuple[str, ...]:
    """Return what is said of the poem in turn: its lines, stanzas or sentences, in Unicode's NFC form.

    It is said as `say` asks for, else as the poem's own file does, else as `otherwise`. Lines are stripped, and
    those that show nothing only separate stanzas. Accepts a byte order mark and every kind of line ending; keeps
    tabs inside a line. Sheep that share a file share one tuple. Raises BadPoem when the file cannot be read, is
    not plain text in UTF-8, has no line to say, or is larger than LARGEST, when what is said in one go is longer
    than LONGEST_LINE, or when the block at the top has a value that means nothing.
    """
    return _read(path, say, otherwise)[1]


def about_poem(path: Path) -> About:
    """Return what the poem's file says about the poem. Raises BadPoem, as `read_poem` does."""
    return _read(path, None, "lines")[0]


def read_poem_file(path: Path, say: Say | None = None, otherwise: Say = "lines") -> PoemFile:
    """Return a poem with the numbers of its lines in its file. Raises BadPoem, as `read_poem` does."""
    with _errors_told(path):
        return _poem_file(path, say, otherwise)


def _read(path: Path, say: Say | None, otherwise: Say) -> tuple[About, tuple[str, ...]]:
    with _errors_told(path):
        status = path.stat()
        return _texts(path, say, otherwise, status.st_mtime_ns, status.st_size)


def place_of_line(
    number: int, path: Path, memory: Sequence[str], say: Say | None = None, otherwise: Say = "lines"
) -> int | None:
    """Return the place in `memory`, from 0, of line `number` of the poem's file (from 1, as editors count), or of
    the next line that is said; None where there is none.

    Where the file is not what was memorized any more, the line's text is looked for; where that is not there, or
    there is no such file, the lines of `memory` are counted.
    """
    with suppress(BadPoem):
        lines = read_poem_file(path, say, otherwise).said
        last = [line.number + line.text.count("\n") for line in lines]  # a stanza has several
        found = next((place for place, each in enumerate(last) if each >= number), None)
        if tuple(memory) == tuple(line.text for line in lines):
            return found
        if found is not None and lines[found].text in memory:
            return memory.index(lines[found].text)
    return number - 1 if number <= len(memory) else None


def stanzas_of(path: Path, say: Say | None = None, otherwise: Say = "lines") -> tuple[int, ...]:
    """Return the number of the stanza of each line that is said, from 0; nothing where lines are not said singly.

    Raises BadPoem, as `read_poem` does.
    """
    poem = read_poem_file(path, say, otherwise)
    if (say or poem.about.say or otherwise) != "lines":
        return ()
    gaps = (after.number > before.number + 1 for before, after in pairwise(poem.said))
    return tuple(accumulate(gaps, initial=0))


@contextmanager
def _errors_told(path: Path) -> Iterator[None]:
    """Raise BadPoem, with the path and what to do, where the file cannot be read."""
    shown = printable(str(path))
    try:
        yield
        return
    except FileNotFoundError:
        wrong = f"no such file: {shown}; a relative path starts at the key file's folder, then here"
    except NotPlain as found:
        wrong = f"expected a plain file, found {found}: {shown}; give the path of a text file"
    except TooLarge:
        wrong = f"too large for a poem (over {LARGEST // 1_000_000} MB): {shown}; give each bot a part of it"
    except OSError as error:
        wrong = f"{shown} {unreadable(error)}"
    except ValueError:  # a NUL or a lone surrogate in its name
        wrong = f"no file can have that name: {shown}; give the path of a text file"
    raise BadPoem(wrong)


@functools.cache
def _texts(
    path: Path, say: Say | None, otherwise: Say, _modified: int, _size: int
) -> tuple[About, tuple[str, ...]]:
    poem = _poem_file(path, say, otherwise)
    return poem.about, tuple(unit.text for unit in poem.said)


def _poem_file(path: Path, say: Say | None, otherwise: Say) -> PoemFile:
    """Return what is in the file. Raises BadPoem for a text that X would not take."""
    shown = printable(str(path))
    whole = _decode(read_plain(path, LARGEST), path)
    if found := _UNPOSTABLE.search(whole):
        number = len(_LINE_END.findall(whole, 0, found.start())) + 1
        raise BadPoem(_unpostable(found[0], number, shown))
    texts = [_tidy(raw) for raw in _LINE_END.split(whole)]
    try:
        about, taken = split_block(texts)
    except BadBlock as error:
        raise BadPoem(printable(f"line {error.line} of {shown}: {error}")) from None
    lines = [NumberedLine(number, text) for number, text in enumerate(texts[taken:], start=taken + 1)]
    is_shown = [_shows(line.text) for line in lines]
    if not any(is_shown):
        raise BadPoem(f"no line to say in {shown}; write at least one")
    said = tuple(units_of(paragraphs_of(lines, is_shown), say or about.say or otherwise))
    for number, text in said:
        if len(text) > LONGEST_LINE:
            count, most = f"{len(text):,} letters", f"{LONGEST_LINE:,}"
            raise BadPoem(f"line {number} of {shown} has {count}; break it into lines of at most {most}")
    return PoemFile(
        about,
        tuple(line for line, shows in zip(lines, is_shown, strict=True) if shows),
        tuple(line for line, shows in zip(lines, is_shown, strict=True) if line.text and not shows),
        said,
    )


def _shows(text: str) -> bool:
    """Return whether people see anything of `text`."""
    return bool(text) and (text.isascii() or not _NOTHING.fullmatch(text))


def _unpostable(letter: str, number: int, shown: str) -> str:
    kind = "a control character" if unicodedata.category(letter) == "Cc" else "a noncharacter"
    if "\x80" <= letter <= "\x9f":  # what is left of a quotation mark that was converted twice
        kind = "a wrongly converted character"
    where = f"{kind} (U+{ord(letter):04X}) in line {number} of {shown}"
    return f"{where}; save it as plain text, in UTF-8"


def _decode(content: bytes, path: Path) -> str:
    """Return the text of a file. Raises BadPoem when it is no text, or not in UTF-8."""
    shown = printable(str(path))
    if kind := kind_of_file(content):
        raise BadPoem(f"this is {kind}: {shown}; save it as plain text, in UTF-8")
    if encoding := mark_of(content) or wide_without_mark(content):
        raise BadPoem(f"not UTF-8 but {encoding}: {shown}; {_conversion(path, encoding)}")
    try:
        return content.decode("utf-8-sig").rstrip(_END_OF_FILE)
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1} of {shown}"
    try:
        content.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        pass
    else:  # emoji in pairs of surrogates; iconv does not know it
        raise BadPoem(f"not UTF-8 ({where}) but CESU-8; save it as UTF-8 with the program that wrote it")
    if encoding := guess_encoding(content):
        name = COMMON_NAMES.get(encoding, encoding)
        raise BadPoem(f"not UTF-8 ({where}) but probably {name}; {_conversion(path, encoding)}")
    raise BadPoem(f"not UTF-8 ({where}) but in some other encoding; find out which, then {_conversion(path)}")


def _conversion(path: Path, encoding: str = "THAT_ENCODING") -> str:
    """Return how to make a file in UTF-8 of `path`."""
    converted = path.with_name(f"{path.stem}.utf8{path.suffix}")
    command = f"iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > {shlex.quote(str(converted))}"
    return f"save it as UTF-8, or run: {printable(command)}"


def _tidy(raw: str) -> str:
    text = raw.replace(_BYTE_ORDER_MARK, "").strip()
    return text if _TOO_MANY_MARKS.search(text) else unicodedata.normalize("NFC", text)
