"""What follows from each answer of a network: the table in the docstring of recovery.py, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flock import errors
from flock.errors import NetworkError
from flock.journal import Place
from flock.sheep import recovery
from flock.sheep.recovery import HELD, HELD_LONG, Asked, Verdict, is_blamed, verdict

COLUMNS = {
    "first post": Asked.FIRST_POST,
    "repeated post": Asked.REPEATED_POST,
    "latest posts": Asked.LATEST_POSTS,
}
Answers = list[tuple[str | NetworkError | None, bool]]  # each with whether the text is to blame
SEVERAL: dict[
    str, Answers
] = {  # the rows that are about more than one answer, or about one in certain circumstances
    "the post, with an id of before": [("99", False)],
    "posts, but not this one": [(None, False)],
    "Refused, and the text is to blame": [(errors.Refused("no"), True)],
    "Refused, whatever the text": [(errors.Refused("no"), False)],
    "NotPermitted, because of the text": [(errors.NotPermitted("no"), True)],
    "NotPermitted, whatever the text": [(errors.NotPermitted("no"), False)],
    "another Wait, a Pen": [
        (kind("x"), False)
        for kind in (
            *(errors.DailyLimit, errors.LooksAutomated, errors.OutOfCredits, errors.ClockWrong),
            *(errors.Unauthorized, errors.Revoked, errors.Suspended, errors.Locked),
            errors.AppRefused,
        )
    ],
}
CELLS = [  # answer, first post, repeated post, latest posts; each where duplicates are refused, and elsewhere
    ("the post, with an id of before", ("LOOK", "LOOK"), ("LOOK", "UNKNOWN"), ("", "")),
    ("posts, but not this one", ("", ""), ("", ""), ("POST", "POST")),
    ("OutcomeUnknown", ("LOOK", "LOOK"), ("LOOK", "LOOK"), ("LOOK", "LOOK")),
    ("Unavailable", ("LATER", "LATER"), ("LOOK", "LOOK"), ("LOOK", "LOOK")),
    ("Conflict", ("LATER", "LATER"), ("LATER", "LATER"), ("LOOK", "LOOK")),
    ("Duplicate", ("SKIPPED", "SKIPPED"), ("SAID", "SAID"), ("POST", "UNKNOWN")),
    ("TooLong", ("SKIPPED", "SKIPPED"), ("UNKNOWN", "UNKNOWN"), ("POST", "UNKNOWN")),
    ("Refused, and the text is to blame", ("SKIPPED", "SKIPPED"), ("UNKNOWN", "UNKNOWN"), ("POST", "UNKNOWN")),
    ("Refused, whatever the text", ("LATER", "LATER"), ("LOOK", "LOOK"), ("POST", "UNKNOWN")),
    ("NotPermitted, because of the text", ("SKIPPED", "SKIPPED"), ("UNKNOWN", "UNKNOWN"), ("POST", "UNKNOWN")),
    ("NotPermitted, whatever the text", ("LATER", "LATER"), ("LOOK", "LOOK"), ("POST", "UNKNOWN")),
    ("RateLimited", ("LATER", "LATER"), ("LOOK", "LOOK"), ("POST", "LOOK")),
    ("another Wait, a Pen", ("LATER", "LATER"), ("LOOK", "LOOK"), ("POST", "UNKNOWN")),
]


def answers(row: str) -> Answers:
    """Return the answers that a row of the table is about."""
    return SEVERAL[row] if row in SEVERAL else [(getattr(errors, row)("x"), False)]


@pytest.mark.parametrize(
    ("row", "asked", "repeat_is_safe", "expected"),
    [
        (row, asked, repeat_is_safe, expected)
        for row, *cells in CELLS
        for asked, pair in zip(COLUMNS.values(), cells, strict=True)
        for repeat_is_safe, expected in zip((True, False), pair, strict=True)
        if expected
    ],
)
def test_each_answer_has_its_verdict(row: str, asked: Asked, *, repeat_is_safe: bool, expected: str) -> None:
    """Exactly once rests on these."""
    for answer, blames_text in answers(row):
        found = verdict(answer, asked, blames_text=blames_text, repeat_is_safe=repeat_is_safe)
        assert Verdict[expected] is found, answer


def table() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of the table in the docstring: the answer, and the cells by the names of their columns."""
    lines = [line for line in str(recovery.__doc__).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    (_, *columns), _, *body = rows
    for answer, *cells in body:
        yield answer, dict(zip(columns, cells, strict=True))


def test_the_table_of_the_docstring_names_the_same_cells() -> None:
    """`A or B (*)` is A where the network refuses duplicates, and B elsewhere."""
    found = []
    for row, cells in table():
        assert set(COLUMNS) == set(cells)
        pairs = [cells[column].removesuffix("(*)").strip().partition(" or ") for column in COLUMNS]
        found.append((row, *((yes, no or yes) for yes, _, no in pairs)))

    assert CELLS == found


def test_the_table_names_every_error_of_a_network() -> None:
    """A new kind of error needs a row, or is one of "another Wait, a Pen"."""
    covered = {
        type(answer) for row, _ in table() for answer, _ in answers(row) if isinstance(answer, NetworkError)
    }

    assert set(leaves(NetworkError)) == covered


def leaves(kind: type[NetworkError]) -> Iterator[type[NetworkError]]:
    """Yield the kinds of errors that are raised: those without a special kind of their own."""
    if not kind.__subclasses__():
        yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from leaves(each)


@given(
    answer=st.sampled_from([kind("x") for kind in leaves(NetworkError)]),
    blames_text=st.booleans(),
    repeat_is_safe=st.booleans(),
)
def test_a_post_that_may_be_out_is_neither_withdrawn_nor_skipped(
    answer: NetworkError, *, blames_text: bool, repeat_is_safe: bool
) -> None:
    """However its repeat, or the look at the latest posts, is answered; but Conflict says that it is not out."""
    assume(not isinstance(answer, errors.Conflict))
    for asked in (Asked.REPEATED_POST, Asked.LATEST_POSTS):
        found = verdict(answer, asked, blames_text=blames_text, repeat_is_safe=repeat_is_safe)
        assert found not in (Verdict.LATER, Verdict.SKIPPED)


ACCEPTED = Place(last_id="9")  # the network took the post before


@pytest.mark.parametrize(
    ("place", "held", "expected"),
    [
        (ACCEPTED, 0.0, True),
        (Place(), 0.0, False),
        (Place(), 9e9, False),  # it is the first refusal, however long other trouble has lasted
        (Place(refusals=1), HELD, False),
        (Place(refusals=2), HELD - 1, False),
        (Place(refusals=2), HELD, True),
        (ACCEPTED._replace(refusals=2, trials=1), HELD, False),
        (ACCEPTED._replace(refusals=2, trials=1), 2 * HELD, True),
        (ACCEPTED._replace(refusals=2, trials=3), 8 * HELD, True),
        (ACCEPTED._replace(refusals=2, trials=3000), 32 * HELD, True),
        (ACCEPTED._replace(refusals=1, passed=1), 0.0, False),
        (
            ACCEPTED._replace(refusals=2, passed=1),
            HELD,
            True,
        ),  # the sheep cannot go back from a post that may be out
        (ACCEPTED._replace(refusals=1, passed=1, trials=1), 0.0, True),
        (ACCEPTED._replace(refusals=1, passed=2, trials=1), 0.0, False),
    ],
)
def test_a_text_is_blamed_only_where_the_network_takes_others(
    place: Place, held: float, *, expected: bool
) -> None:
    """Or on trial, after it was refused for an hour, and longer each time."""
    assert expected is is_blamed(place, errors.Refused("no"), held=held)


def test_a_text_is_blamed_later_where_the_networks_words_are_not_about_it() -> None:
    """Never at once: after a day, since words may be wrong."""
    error, held = errors.NotPermitted("no"), ACCEPTED._replace(refusals=2)

    assert not is_blamed(ACCEPTED, error, held=0.0)
    assert [False, True] == [is_blamed(held, error, held=seconds) for seconds in (HELD_LONG - 1, HELD_LONG)]
    assert is_blamed(held._replace(passed=1, trials=1), error, held=0.0)
