"""Where X sees links in a text: twitter-text's rules, in time that is linear in the length of the text.

A link is a domain, perhaps with a protocol before it and a port, a path and a query after it. A domain is two or
more labels with dots between them, the last of which begins with a known top-level domain: "so.in", or
"example.com" in "example.comへ". Without a protocol only the part of a domain in Latin letters is a link.

twitter-text has one regular expression for this, whose time grows with the cube of the length of "a.a.a.a". Here
the labels between two dots are walked from the last to the first, to note where the longest domain ends that each
can begin, and then from the first to the last, to take the first domain there is.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from itertools import groupby, pairwise

from flock.networks.x import tables

Span = tuple[int, int]  # the first code point, and the one after the last

_MOST_IN_A_LINK = 4096  # characters, the protocol included, with the domain in Punycode
_MOST_IN_A_SLUG = 40  # characters after https://t.co/

_SPACES = r"\x09-\x0D\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_FORBIDDEN = r"\uFEFF\uFFFE\uFFFF"
_DIRECTIONS = r"\u202A-\u202E\u061C\u200E\u200F\u2066-\u2069"
_IN_NO_DOMAIN = rf"!'#%&()*+,\\/:;<=>?@\[\]^{{|}}~${_SPACES}{_FORBIDDEN}{_DIRECTIONS}"
_ACCENTED = (
    r"\xC0-\xD6\xD8-\xF6\xF8-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272\u0289\u028B\u02BB"
    r"\u0300-\u036F\u1E00-\u1EFF"
)
_IN_A_PATH = rf"[a-z\u0400-\u04FF0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&{_ACCENTED}]"
_IN_PARENTHESES = rf"\((?:{_IN_A_PATH}+|{_IN_A_PATH}*\({_IN_A_PATH}+\){_IN_A_PATH}*)\)"
_ENDS_A_PATH = rf"[+\-a-z\u0400-\u04FF0-9=_#/{_ACCENTED}]"
_PATH = rf"(?:{_IN_A_PATH}*(?:{_IN_PARENTHESES}{_IN_A_PATH}*)*{_ENDS_A_PATH})?(?:{_IN_PARENTHESES})*"
_QUERY = r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/]"
_BEFORE = rf"(?<=[^A-Za-z0-9@＠$#＃{_FORBIDDEN}])"

_RUN = re.compile(rf"[^{_IN_NO_DOMAIN}]+")  # labels and the dots between them
_INNER_DOT = re.compile(rf"[^{_IN_NO_DOMAIN}]\.[^{_IN_NO_DOMAIN}]")  # in each domain
_SUBDOMAIN = re.compile(r"[^-_](?:.*[^-_])?")
_DOMAIN_NAME = re.compile(r"[^-_](?:[^_]*[^-_])?")
_LATIN = re.compile(rf"[-a-z0-9{_ACCENTED}]+", re.IGNORECASE)
_START = re.compile(rf"{_BEFORE}[^-_.]", re.IGNORECASE)
_PROTOCOL = re.compile(rf"(?:{_BEFORE}|\A)https?://\Z", re.IGNORECASE)
_AFTER_DOMAIN = re.compile(rf"(?::[0-9]+)?(/{_PATH})?(?:{_QUERY})?", re.IGNORECASE)
_SHORTENED = re.compile(rf"https?://t\.co/([a-z0-9]+)(?:{_QUERY})?", re.IGNORECASE)


@dataclass(slots=True)
class _Label:
    """What stands between two dots, and where the longest domains end that it can be part of (0: none)."""

    name: str
    start: int
    end: int
    whole: int = 0  # of one that begins with this label
    far: int = 0  # of one that begins within this label and has the whole of the next one
    near: int = 0  # of one that begins within this label and has its top-level domain at the start of the next one


def find_links(text: str) -> list[Span]:
    """Return where X sees links in `text`, in order. (X takes a text in NFC.)"""
    links: list[Span] = []
    if not _INNER_DOT.search(text):
        return links
    used = 0  # the end of the last domain with its path and query
    for run in _RUN.finditer(text):
        if "." not in run[0].strip("."):
            continue
        for label in _labels(text, run.start(), run[0], _SUBDOMAIN, _DOMAIN_NAME):
            protocol = _protocol_before(text, label, used) if label.start == run.start() else 0
            start, end = (label.start, label.whole) if protocol else _first_domain(text, label, used)
            if end and (rest := _AFTER_DOMAIN.match(text, end)):  # it matches always, if only nothing
                used = rest.end()
                links += _counted(text, protocol, (start, end), rest)
    return links


def _labels(
    text: str, at: int, run: str, subdomain: re.Pattern[str], domain_name: re.Pattern[str]
) -> list[_Label]:
    """Return the labels of `run`, which starts at text[at].

    `subdomain` matches a label that may stand before another one, `domain_name` one before a top-level domain.
    """
    labels = []
    for name in run.split("."):
        labels.append(_Label(name, at, at + len(name)))
        at += len(name) + 1
    for following, label in pairwise(reversed(labels)):
        top_level = _top_level_domain().match(text, following.start)
        label.near = top_level.end() if top_level else 0
        label.far = following.whole
        if label.far and subdomain.fullmatch(label.name):
            label.whole = label.far
        elif label.near and domain_name.fullmatch(label.name):
            label.whole = label.near
    return labels


@functools.cache
def _top_level_domain() -> re.Pattern[str]:
    """Return what matches a top-level domain. It is grouped by first letters: ten times as fast as a plain list.

    Made when the first text is seen that may hold a link: compiling it takes 10 ms.
    """
    known = sorted(tables.top_level_domains(), key=lambda name: (name[0], -len(name)))
    groups = (
        f"{letter}(?:{'|'.join(name[1:] for name in names)})"
        for letter, names in groupby(known, lambda name: name[0])
    )
    return re.compile(rf"(?:{'|'.join(groups)})(?=[^0-9a-zA-Z@+-]|$)|xn--[-0-9a-z]+", re.IGNORECASE)


def _protocol_before(text: str, label: _Label, used: int) -> int:
    """Return the length of the protocol before a domain that begins with `label`, or 0."""
    found = _PROTOCOL.search(text, max(0, label.start - len("https://")), label.start) if label.whole else None
    return len(found[0]) if found and (found.start() > used or found.start() == used == 0) else 0


def _first_domain(text: str, label: _Label, used: int) -> Span:
    """Return the first domain that begins within `label`, a character or more after `used`, or (0, 0)."""
    end = label.far or label.near
    if not end or not label.name or label.name[-1] in "-_":
        return 0, 0
    earliest = label.start if label.far else label.start + label.name.rfind("_") + 1
    found = _START.search(text, max(earliest, used + 1), label.end)
    # A domain at the text's start needs no character before it, but one from the second character goes first.
    if earliest == used == 0 and text[0] not in "-_" and (found is None or found.start() > 1):
        return 0, end
    return (found.start(), end) if found else (0, 0)


def _counted(text: str, protocol: int, domain: Span, rest: re.Match[str]) -> list[Span]:
    """Return what X counts as links of a match: a protocol of that length, a domain, and what follows it."""
    start, end = domain
    name, url = text[start:end], text[start - protocol : rest.end()]
    if not _is_short_enough(url, name, protocol):
        return []
    if protocol:
        shortened = _SHORTENED.match(url)
        if shortened and len(shortened[1]) > _MOST_IN_A_SLUG:
            return []
        return [(start - protocol, start - protocol + len(shortened[0] if shortened else url))]
    if start and text[start - 1] in "-_./":
        return []
    parts = _latin_parts(name)
    if parts and rest[1]:  # as twitter-text does it: the URL with its last part in the place of the whole domain
        first, last = parts[-1]
        parts[-1] = first, first + len(url.replace(name, name[first:last]))
    return [(start + first, start + last) for first, last in parts]


def _is_short_enough(url: str, domain: str, protocol: int) -> bool:
    try:
        encoded = domain.encode("idna")
    except UnicodeError:  # a label of more than 63 characters, for one
        return False
    return (protocol or len("https://")) + len(url) - len(domain) + len(encoded) <= _MOST_IN_A_LINK


def _latin_parts(domain: str) -> list[Span]:
    """Return the parts of `domain` that are domains themselves, with Latin letters before the last dot."""
    parts: list[Span] = []
    used = 0
    for label in _labels(domain, 0, domain, _LATIN, _LATIN):
        latin = _LATIN.findall(domain, max(label.start, used), label.end)
        end = label.far or label.near
        if end and latin and domain.endswith(latin[-1], 0, label.end):
            parts.append((label.end - len(latin[-1]), end))
            used = end
    return parts
