"""What a sheep of the operator's own decides to say: a text, or an error that names its `decide`."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from flock.errors import BadDecision, FlockError


def decided(decide: Callable[[], Any]) -> str:
    """Return what `decide`, a method of a subclass of Sheep, returns.

    Raises BadDecision, with the file and the line, when it raises an exception or returns something else than a
    text with a letter in it. A FlockError is passed on: a subclass may ask for a pause with `Wait`, for instance.
    """
    try:
        text = decide()
    except FlockError:
        raise
    except Exception as error:
        where = _where(decide, _line_of(error, _file_of(decide)))
        raise BadDecision(f"{where} raised {type(error).__name__}: {error}") from error
    if isinstance(text, str) and text.strip():
        return text
    found = (
        "an empty text"
        if isinstance(text, str)
        else "None"
        if text is None
        else f"a value of the type {type(text).__name__}"
    )
    code = getattr(decide, "__code__", None)
    where = _where(decide, (code.co_filename, code.co_firstlineno) if code else None)
    raise BadDecision(f"{where} returned {found}; expected the text to post")


def _where(decide: Callable[[], Any], line: tuple[str, int] | None) -> str:
    sheep = getattr(decide, "__self__", decide)
    place = f" ({line[0]}, line {line[1]})" if line else ""
    return f"decide of {type(sheep).__name__}{place}"


def _file_of(decide: Callable[[], Any]) -> str:
    return str(getattr(getattr(decide, "__code__", None), "co_filename", ""))


def _line_of(error: Exception, file: str) -> tuple[str, int] | None:
    """Return the last line of `file` that led to the error, or the last line of all where it has none."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is this module's
    last = [frame for frame in frames if frame.filename == file] or frames
    return (last[-1].filename, last[-1].lineno or 0) if last else None
