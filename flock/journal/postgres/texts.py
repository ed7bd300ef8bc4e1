"""Texts as PostgreSQL stores them: it has no NUL."""

from __future__ import annotations

_ESCAPE = "\x01"


def stored(text: str | None) -> str | None:
    """Return the text that stands for `text` in the database. Others can read it but for NUL and U+0001."""
    if text is None or ("\0" not in text and _ESCAPE not in text):
        return None if text is None else str(text)
    return text.replace(_ESCAPE, f"{_ESCAPE}1").replace("\0", f"{_ESCAPE}0")


def restored(text: str) -> str:
    """Return the text that `text` stands for."""
    if _ESCAPE not in text:
        return text
    return text.replace(f"{_ESCAPE}0", "\0").replace(f"{_ESCAPE}1", _ESCAPE)
