"""A sheep of the operator's own that fails to decide is called that, with file and line; its flock goes on."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flock import Sheep
from flock.errors import Wait
from flock.events import Said, Stumbled, Waiting
from flock.observers.wording import describe
from tests.world import World


class OddSheep(Sheep):
    """Decides what its test tells it to."""

    __slots__ = ()
    answers: list[Any]

    def decide(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]


LINES = {
    "def": OddSheep.decide.__code__.co_firstlineno,
    "raise": OddSheep.decide.__code__.co_firstlineno + 3,
    "pop": OddSheep.decide.__code__.co_firstlineno + 1,
}


def complaint(world: World, *answers: Any) -> str:
    """Return why the sheep stumbled at its first try; at the second it says "baa"."""
    kind = type("ShoutingSheep", (OddSheep,), {"answers": [*answers, "baa"]})
    sheep = world.raise_sheep(kind=kind)
    world.live(30, sheep)
    assert ["baa"] == world.stage().posts
    (event,) = world.told(Stumbled)
    assert isinstance(event, Stumbled)
    assert not event.in_flock
    return event.why


def test_an_exception_is_told_with_file_and_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the traceback of the operator's own code, once."""
    why = complaint(world, KeyError("tongue"))

    assert f"decide of ShoutingSheep ({__file__}, line {LINES['raise']}) raised KeyError: 'tongue'" == why
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert why == record.message
    assert record.exc_info
    assert isinstance(record.exc_info[1], KeyError)
    assert "met a bug in its own class, and tries again in 1" in describe(world.told(Stumbled)[0])


def test_an_exception_of_a_library_is_told_with_the_line_that_called_it(world: World) -> None:
    """The line of the operator's own file, not one of the library."""

    class Forgetful(OddSheep):
        answers: Any = ("one",)  # a tuple has no pop

    world.live(5, world.raise_sheep(kind=Forgetful))

    (event, *_) = world.told(Stumbled)
    assert isinstance(event, Stumbled)
    assert f"decide of Forgetful ({__file__}, line {LINES['pop']}) raised AttributeError: " in event.why


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (None, "None"),
        ("", "an empty text"),
        (" \n", "an empty text"),
        (7, "a value of the type int"),
        (b"baa", "a value of the type bytes"),
        (["baa"], "a value of the type list"),
    ],
    ids=repr,
)
def test_what_is_no_text_names_decide(world: World, answer: object, found: str) -> None:
    """None is what a `decide` returns that ends without `return`."""
    why = complaint(world, answer)

    where = f"decide of ShoutingSheep ({__file__}, line {LINES['def']})"
    assert f"{where} returned {found}; expected the text to post" == why


def test_a_pause_that_decide_asks_for_is_no_bug(world: World) -> None:
    """An error of flock's own tree means from `decide` what it means from a network."""
    kind = type("Sleepy", (OddSheep,), {"answers": [Wait("it is night", until=world.clock.wall() + 60), "baa"]})
    sheep = world.raise_sheep(kind=kind)

    world.live(120, sheep)

    assert [] == world.told(Stumbled)
    assert 1 == len(world.told(Waiting))
    assert "baa" in [event.text for event in world.told(Said) if isinstance(event, Said)]
