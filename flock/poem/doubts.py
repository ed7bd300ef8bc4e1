"""What an operator should know about a poem before its first post: lines that look like a mistake."""

from __future__ import annotations

import base64
import csv
import html
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

import regex

from flock.errors import printable
from flock.poem.about import FENCE
from flock.poem.cutting import cut
from flock.poem.reading import PoemFile
from flock.poem.saying import NumberedLine

_SHOWN = 60  # code points of a line that are shown
_MANY_POSTS = 3  # for one line; more are told of
_SURELY_FEW = 400  # code points, which are no more posts than that in any script
_ROWS = 200  # lines by which a table is known
_NAMED = 3  # accounts and lines that are named; the others are counted

_TAGS = (
    "a|abbr|b|big|blockquote|body|br|center|cite|code|dd|del|div|dl|dt|em|embed|font|footer|form|h[1-6]|head|header"
    "|hr|html|i|iframe|img|input|ins|li|link|main|meta|nav|object|ol|p|pre|q|s|script|section|small|span|strike"
    "|strong|style|sub|sup|svg|table|tbody|td|th|thead|title|tr|tt|u|ul|video"
)
_MARKUP = "which is posted as it stands"
_PATTERNS = (  # what a line holds or is, and how that is known
    ("holds U+FFFD, which stands for letters that were lost in a conversion", "\ufffd|ï¿½|锟斤拷"),
    (f"holds an HTML tag, {_MARKUP}", rf"(?i)</?(?:{_TAGS}|o:p)(?:\s[^<>]*)?/?>|<!--|-->|<!doctype\b|<!\[CDATA\["),
    (
        f"holds a program's code, {_MARKUP}",
        r"""\\[nrt"']|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[a-zA-Z]+[{*\[]|\\\\$|\{\{.*\}\}|[$#]\{\w+\}|<[?%]"""
        r"|^(?!.*://).*(?:%20|%[CDE][0-9A-F]%[89AB][0-9A-F])",
    ),
    (
        f"holds a terminal's code for a colour, {_MARKUP}",
        r"(?:\^\[|\\e|\\0?33|\\x1[bB]|␛)\[|\[\d{0,3}(?:;\d{1,3})*m(?!\w)|\[\d{1,3};\d{1,3}[Hf]|\[[0-2]?[JK](?![\w\]])",
    ),
    (f"holds a code of e-mail (quoted-printable), {_MARKUP}", r"(?:=[0-9A-F]{2}){2,}|=20$|=3D"),
    (
        f"is Markdown, {_MARKUP}",
        r"^#{1,6}\s+\S|^(?:```|~~~)|^={3,}$|\*\*\w[^*]*\*\*|(?<!\w)__?\w[^_]*__?(?!\w)|^[*+]\s+\w|!?\[[^\[\]]*\]\([^()\s]+\)|^\|.*\|$|^>\s",
    ),
    ("holds a private use character, which most people see as a box", r"\p{Co}"),
    ("holds a combining mark without a letter", r"(?:^|\s)\p{M}"),
    (
        "holds an invisible character that changes the direction of the text or does nothing",
        r"[\u202d\u202e\u206a-\u206f\ufff9-\ufffb]|(?<!\U0001f3f4[\U000e0020-\U000e007f]*)[\U000e0000-\U000e007f]",
    ),
)
_LICENCE = (
    *("project gutenberg", "gutenberg.org", "gutenberg.net", "distributed proofread", "this ebook is for"),
    *("transcribed from", "text prepared by", "creativecommons", "creative commons", "cc by", "spdx-license"),
    *("permission is hereby granted", "licensed under", "public domain", "all rights reserved"),
    *("copyright ©", "copyright (c)", "copyright 1", "copyright 2", "(c) 19", "(c) 20", "© 19", "© 20"),
)
_HEADER = ("title: ", "author: ", "release date: ", "posting date: ", "language: ", "translator: ", "produced by ")
IN_THE_BLOCK = "write it into a block between two --- lines at the top of the file, which is not said"
_IS_HEADER = "is part of a licence or a header and not of the poem"
_PLAIN = re.compile(r"""[\w\s,.;:!?'"()’“”‘—–…-]*""")  # a line of only these needs no closer look
_LINE_KINDS = [(what, regex.compile(pattern)) for what, pattern in _PATTERNS]
_ENTITY = regex.compile(r"&(?:(?:nbsp|amp|quot|lt|gt)\b|(?:[a-zA-Z]\w{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});)")
_UTF_7 = regex.compile(r"\+([A-Za-z0-9+/]{3,60})-")
_MENTION = regex.compile(r"(?<![\w!#$%&*@＠])[@＠](\w{1,20})(?![\w@＠]|://)", regex.ASCII)
_COMMAND = regex.compile(r"(?i)^[dm]\s+@?[a-z0-9_]{1,20}\b", regex.ASCII)

_MISTAKEN_FOR = ("cp1252", "latin-1", "cp1251", "koi8_r", "mac_roman", "cp437", "cp850", "cp1250")
_WHAT_IT_WAS = regex.compile(  # one letter or mark that is frequent, or two of any script
    r"[\u00a1-\u017f\u2010-\u203a\u20ac\u2122\ufeff\U0001f000-\U0001faff\s]+"
    r"|[\p{Latin}\p{Greek}\p{Cyrillic}\p{Hebrew}\p{Arabic}\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}"
    r"\p{Devanagari}\p{M}\p{P}\s]{2,}"
)


def _sequences(codec: str) -> re.Pattern[str]:
    """Return what matches letters beyond ASCII in UTF-8, as they look when they are read in another encoding."""

    def letters(first: int, last: int) -> str:
        return f"[{re.escape(bytes(range(first, last + 1)).decode(codec, 'ignore'))}]"

    more = letters(0x80, 0xBF)
    leads = letters(0xC2, 0xDF), letters(0xE0, 0xEF), letters(0xF0, 0xF4)
    return re.compile(f"(?:{leads[0]}{more}|{leads[1]}{more}{{2}}|{leads[2]}{more}{{3}})+")


_SEQUENCES = [(codec, _sequences(codec)) for codec in _MISTAKEN_FOR]
_MOJIBAKE = re.compile("|".join(pattern.pattern for _, pattern in _SEQUENCES))


def find_doubts(
    poem: PoemFile, *, fits: Callable[[str], bool] = lambda _: True, refuses_duplicates: str = ""
) -> Iterator[str]:
    """Yield what is doubtful about a poem: for each kind, the first line, and how many more there are.

    `fits` tells whether a text fits into one post. `refuses_duplicates` is the name of the bot's network if it
    refuses the same text twice in a row. The texts are safe to show.
    """
    found: dict[str, list[NumberedLine]] = defaultdict(list)
    for line in poem.lines:
        for what in _doubts_about(line.text):
            found[what].append(line)
    for line in poem.blank:
        found["shows nothing, and is left out"].append(line)
    if what := _whole_file(poem.lines):
        yield printable(what)
    if poem.about.strange:
        names = ", ".join(map(repr, poem.about.strange[:_NAMED]))
        yield printable(f"the block at the top has fields that mean nothing ({names}); see docs/poems.md")
    for what, (first, *others) in sorted(found.items(), key=lambda kind: kind[1][0].number):
        hint = f"; {IN_THE_BLOCK}" if what == _IS_HEADER else ""
        yield printable(f"line {first.number} {what}: {_short(first.text)}{_more(len(others))}{hint}")
    yield from _mentions(poem.lines)
    yield from _long_lines(poem.said, fits)
    if refuses_duplicates:
        yield from _duplicates(poem, refuses_duplicates)


def _doubts_about(text: str) -> Iterator[str]:
    lowered = text.lower()
    if lowered.startswith(_HEADER) or any(words in lowered for words in _LICENCE):
        yield _IS_HEADER
    if not text.isascii() and _MOJIBAKE.search(text) and _is_mojibake(text):
        yield "was converted from the wrong encoding"
    if _PLAIN.fullmatch(text) and "_" not in text:
        return
    yield from (what for what, pattern in _LINE_KINDS if pattern.search(text))
    if any(html.unescape(entity) != entity for entity in _ENTITY.findall(text)):
        yield f"holds an HTML entity, {_MARKUP}"
    if any(_is_utf_7(code) for code in _UTF_7.findall(text)):
        yield f"holds a code of UTF-7, {_MARKUP}"
    if text[0] in "{[" and _is_json(text.rstrip(",")):
        yield f"is JSON, {_MARKUP}"


def _is_mojibake(text: str) -> bool:
    """Return whether a part of `text` is UTF-8 that was read in another encoding: `â€™`, `Ã©`, `вЂњ`."""
    for codec, sequences in _SEQUENCES:
        for run in sequences.findall(text):
            with suppress(UnicodeError):
                if _WHAT_IT_WAS.fullmatch(run.encode(codec).decode("utf-8")):
                    return True
    return False


def _is_utf_7(code: str) -> bool:
    with suppress(ValueError):
        was = base64.b64decode(code + "=" * (-len(code) % 4))
        return was[: len(was) // 2 * 2].decode("utf-16-be").isprintable() and len(code) * 6 % 16 < 6
    return False


def _is_json(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(value) and (isinstance(value, dict) or any(isinstance(each, str | dict | list) for each in value))


def _whole_file(lines: Sequence[NumberedLine]) -> str:
    """Return what the file as a whole seems to be: JSON, a table, a text with front matter; or an empty text."""
    texts = [line.text for line in lines]
    if texts[0][0] in "{[" and len(texts) > 1 and texts[-1][-1] in "}]" and _is_json("\n".join(texts)):
        return f"the file is JSON, {_MARKUP}"
    if texts[0] in ("---", "+++") and texts[0] in texts[1:30] and regex.match(r"[\w-]+\s*[:=]", texts[1]):
        how = f"write it as lines name: value between two {FENCE} lines (see docs/poems.md)"
        return f"line {lines[0].number} begins a header (front matter), {_MARKUP}; {how}"
    for delimiter in ",;\t|":
        if _is_table(texts[:_ROWS], delimiter):
            return f"the file is a table (CSV), and each line is posted with its {delimiter!r}: {_short(texts[0])}"
    return ""


def _is_table(texts: Sequence[str], delimiter: str) -> bool:
    """Return whether each line has as many fields as the first, two or more. In prose a blank follows a comma."""
    if len(texts) < 2 or delimiter not in texts[0]:
        return False
    try:
        rows = list(csv.reader(texts, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    width = len(rows[0])
    blanks = any(field[:1] == " " for row in rows for field in row[1:])
    return width > 1 and len(rows) > 1 and all(len(row) == width for row in rows) and not blanks


def _mentions(lines: Sequence[NumberedLine]) -> Iterator[str]:
    found = [(line, name) for line in lines for name in _named_in(line.text)]
    if found:
        first = found[0][0]
        names = list(dict.fromkeys(name for _, name in found))
        more = ", …" if len(names) > _NAMED else ""
        others = _more(len({line.number for line, _ in found}) - 1)
        who = ", ".join(names[:_NAMED]) + more
        yield printable(f"line {first.number} mentions accounts ({who}): {_short(first.text)}{others}")


def _named_in(text: str) -> list[str]:
    """Return what a post of `text` addresses: accounts; `D name` and `M name` are commands in X's API v1.1."""
    return _COMMAND.findall(text) or [f"@{name}" for name in _MENTION.findall(text)]


def _long_lines(lines: Sequence[NumberedLine], fits: Callable[[str], bool]) -> Iterator[str]:
    posts = [(len(cut(line.text, fits)), line) for line in lines if len(line.text) > _SURELY_FEW]
    many = [(count, line) for count, line in posts if count > _MANY_POSTS]
    if many:
        count, line = max(many, key=lambda each: each[0])
        yield printable(f"line {line.number} makes {count} posts: {_short(line.text)}{_more(len(many) - 1)}")


def _duplicates(poem: PoemFile, network: str) -> Iterator[str]:
    """Tell what a network refuses that takes no text twice in a row."""
    lines = poem.said
    if len(lines) == 1:
        what = "has one line" if len(poem.lines) == 1 else "is said in one go"
        yield f"the poem {what}; {network} takes it once and refuses it from then on"
        return
    pairs = [(a, b) for a, b in pairwise(lines) if a.text == b.text]
    if pairs:
        (first, second), more = pairs[0], _more(len(pairs) - 1)
        which = f"lines {first.number} and {second.number} are the same; {network} refuses the second"
        yield printable(f"{which}: {_short(first.text)}{more}")
    if lines[0].text == lines[-1].text:
        which = f"the last line ({lines[-1].number}) is the same as the first"
        yield printable(f"{which}; {network} refuses the first when the poem starts over: {_short(lines[0].text)}")


def _more(count: int) -> str:
    return f" (and {count:,} more {'line' if count == 1 else 'lines'} like it)" if count else ""


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
