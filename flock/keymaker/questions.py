"""What a Keymaker asks a person, and what it does when something fails that may pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from flock.errors import KeyNotMade, NetworkError, Retry, Wait, printable

T = TypeVar("T")


class Questions(Protocol):
    """Puts questions to a person. Whatever a method raises ends the flow, and no file is half made."""

    def ask(self, question: str) -> str:
        """Return the answer, without blanks at its ends; it is empty where the person gives none."""

    def ask_secret(self, question: str) -> str:
        """Return the answer, as `ask` does; it must not be shown."""

    def confirm(self, question: str) -> bool:
        """Return whether the person says yes."""

    def visit(self, url: str) -> None:
        """Let the person open this page in a browser."""

    def tell(self, line: str) -> None:
        """Show the person a line."""


class NoQuestions:
    """Answers no question: each one raises KeyNotMade, where there is no person to ask."""

    def ask(self, question: str) -> str:
        raise KeyNotMade(f"no answer to the question: {question}")

    def ask_secret(self, question: str) -> str:
        return self.ask(question)

    def confirm(self, question: str) -> bool:
        del question
        return False

    def visit(self, url: str) -> None:
        self.ask(f"open {url}")

    def tell(self, line: str) -> None:
        """Do nothing."""


def with_patience(questions: Questions, step: Callable[[], T]) -> T:
    """Return what `step` returns. After a failure that may pass, ask whether to try it again.

    Raises KeyNotMade if the person says no, or if the failure does not pass.
    """
    while True:
        try:
            return step()
        except KeyNotMade as error:
            if not (error.may_pass and questions.confirm(f"{error}. Try again?")):
                raise


@contextmanager
def no_key_without(server: str) -> Iterator[None]:
    """Turn a NetworkError into KeyNotMade, with the name of the server and what to do."""
    try:
        yield
    except NetworkError as error:
        raise KeyNotMade(in_words(server, error), may_pass=isinstance(error, Retry | Wait)) from error


def in_words(server: str, error: NetworkError) -> str:
    """Return on one line what the server answered, and what the operator can do about it."""
    return printable(f"{server}: {error}; {error.advice}" if error.advice else f"{server}: {error}")
