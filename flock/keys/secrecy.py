"""What a message about a key file may show of it: which texts in the file are secrets, and which names are names.

People put values into the wrong places: a token as a field's name, as the account's name, as a path. So no text of
a key file is shown before it has been looked at here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from flock.keys.names import fold, is_of_oauth_2, meanings

HIDDEN = "(hidden)"
_LONGEST_TEXT = 4096  # letters that are looked at, and shown
_SHORTEST = 8  # letters; a shorter text opens nothing, and stands in many words
_SECRET_FIELDS = {
    *("consumer_token", "consumer_token_secret", "oauth_token", "oauth_token_secret"),
    *("app_password", "access_token"),
}
_SECRET_NAME = re.compile(
    "token|secret|(api|app|access|consumer|client|private)keys?|passw|bearer|oauth|credential"
)
_SECRET_WORDS = {"key", "keys", "auth", "pass", "authorization"}
_TOKEN_OF_X = re.compile(r"\d{4,}-[0-9A-Za-z]{15,}", re.ASCII)  # the account's number, and letters
_HEX = re.compile(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{24,}", re.IGNORECASE)
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z]).{20,}")
_RUN = re.compile(r"[0-9A-Za-z]{20,}")
_WORD = re.compile(r"[A-Z]?[a-z]{3,}|(?<![A-Za-z])[A-Z]{2,}+(?![a-z])|[^\W\d_a-zA-Z]+")
_SHARE_OF_WORDS = 0.75  # of the letters; in random letters of both cases it is a third
_NAME = re.compile(r"[^\W\d_]+([ _-]?[^\W\d_]+)*[ _-]?\d{0,2}")
_LONGEST_NAME = 16
_ALIKE = 0.88  # similarity (0 to 1, by difflib) from which a name is a known one with a typing error


def looks_like_a_token(text: str) -> bool:
    """Return whether `text`, or a part of it, is made like the tokens of a network, or is very long."""
    if len(text) > _LONGEST_TEXT:
        return True
    return bool(_TOKEN_OF_X.search(text)) or any(map(_is_random, _RUN.findall(text)))


def _is_random(run: str) -> bool:
    return bool(_HEX.fullmatch(run) or (_MIXED.fullmatch(run) and not _is_made_of_words(run)))


def _is_made_of_words(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return letters > 0 and sum(map(len, _WORD.findall(text))) >= _SHARE_OF_WORDS * letters


@lru_cache(maxsize=1024)
def _is_secrets_name(name: str) -> bool:
    if known := meanings(name):
        return not known.isdisjoint(_SECRET_FIELDS)
    words = {word.casefold() for word in _WORD.findall(name)}
    return bool(_SECRET_NAME.search(fold(name)) or words & _SECRET_WORDS)


@lru_cache(maxsize=1024)
def _is_public(name: str) -> bool:
    return bool(known := meanings(name)) and known.isdisjoint(_SECRET_FIELDS)


class Secrecy:
    """Tells the secrets of one key file from what may be shown. Its `repr` shows nothing of them."""

    __slots__ = ("_fields", "_known", "_secrets")

    def __init__(self, params: Mapping[str, object], known: Iterable[str] = ()) -> None:
        self._fields = list(params)
        self._known = tuple(known)
        found = {text.strip() for text in _secret_values(params)}
        self._secrets = sorted(filter(None, found), key=len, reverse=True)

    def has_secret(self, text: str) -> bool:
        """Return whether `text` holds a secret of the file, or looks like one."""
        return self.hide(text) != text or looks_like_a_token(text)

    def hide(self, text: str) -> str:
        """Return `text` with "(hidden)" for each secret of the file in it."""
        for secret in self._secrets:
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, HIDDEN)
        return text

    def name(self, field: str) -> str:
        """Return the field's name if it can be shown, and otherwise where in the file the field is."""
        if self.may_show(field):
            return field
        return f"field {self._fields.index(field) + 1}, whose name is not shown"

    def may_show(self, field: str) -> bool:
        """Return whether the name of the field is a name: short words, or nearly one that flock knows."""
        if field in self._known or meanings(field) or is_of_oauth_2(field):
            return True
        if field.strip() in self._secrets or self.has_secret(field):
            return False
        return len(field) <= _SHORTEST or _is_a_name(field) or _is_nearly_one_of(field, self._known)


def _secret_values(params: Mapping[str, object]) -> Iterator[str]:
    """Yield all texts and numbers in the file that stand under a secret's name, or look like a token."""
    waiting: list[tuple[str, object]] = [*params.items()]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):  # whatever is in "twitter_keys" is a secret, too, unless it is public
            of_secrets = _is_secrets_name(name)
            waiting += [
                (name if of_secrets and not _is_public(inner) else inner, each) for inner, each in value.items()
            ]
        elif isinstance(value, list):
            waiting += [(name, each) for each in value]
        elif isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value)
            if _is_secrets_name(name) or (not _is_public(name) and looks_like_a_token(text)):
                yield text


def _is_a_name(field: str) -> bool:
    return len(field) <= _LONGEST_NAME and bool(_NAME.fullmatch(field)) and _is_made_of_words(field)


def _is_nearly_one_of(field: str, known: Iterable[str]) -> bool:
    return bool(difflib.get_close_matches(fold(field), map(fold, known), n=1, cutoff=_ALIKE))
