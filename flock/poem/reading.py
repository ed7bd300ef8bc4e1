"""Reads a poem's lines from a text file."""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path

from flock.errors import BadPoem, printable
from flock.files import NotPlain, TooLarge, read_plain, unreadable

LARGEST = 16_000_000  # bytes; all of Shakespeare has 5.5 million
LONGEST_LINE = 20_000  # code points, which are some 75 posts on X
_BYTE_ORDER_MARK = "\ufeff"
_LINE_END = re.compile(r"\r*\n|\r")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")


def read_poem(path: Path) -> tuple[str, ...]:
    """Return the poem's stripped, non-empty lines, in order and in Unicode's NFC form.

    Accepts a byte order mark and every kind of line ending; keeps tabs inside a line. Sheep that share a file
    share one tuple of lines. Raises BadPoem when the file cannot be read, is not UTF-8, holds no line, or is
    larger than LARGEST, or one of its lines longer than LONGEST_LINE.
    """
    shown = printable(str(path))
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
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
def _read(path: Path, _modified: int, _size: int) -> tuple[str, ...]:
    shown = printable(str(path))
    lines = []
    for number, raw in enumerate(_LINE_END.split(_decode(read_plain(path, LARGEST), shown)), start=1):
        if _CONTROLS.search(raw):
            raise BadPoem(f"a control character in line {number} of {shown}; save it as plain text, in UTF-8")
        if line := _tidy(raw):
            if len(line) > LONGEST_LINE:
                raise BadPoem(
                    f"line {number} of {shown} has {len(line):,} letters; break it into lines of at most"
                    f" {LONGEST_LINE:,}"
                )
            lines.append(line)
    if not lines:
        raise BadPoem(f"no line to say in {shown}; write at least one")
    return tuple(lines)


def _decode(content: bytes, shown: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        was = "UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
        where = f"byte {error.start + 1} of {shown}"
    raise BadPoem(f"not UTF-8 ({where}); save it as UTF-8, or run: iconv -f {was} -t UTF-8")


def _tidy(raw: str) -> str:
    return unicodedata.normalize("NFC", raw.replace(_BYTE_ORDER_MARK, "").strip())
