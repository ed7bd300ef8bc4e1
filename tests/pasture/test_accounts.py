"""Accounts: unique names, and reprs without secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flock.errors import BadOption
from flock.pasture import Account, Pasture


def test_a_repr_shows_neither_secrets_nor_tokens(wolf: Account) -> None:
    """The repr of an account, as in a log or a traceback, holds no secret."""
    assert repr(wolf) == "Account(screen_name='wolf', user_id='1001')"


def test_a_user_id_is_digits(wolf: Account) -> None:
    """API v1.1 sends ids as numbers, so an id that is not a number is refused at once."""
    with pytest.raises(BadOption, match="decimal digits"):
        replace(wolf, user_id="wolf")


@pytest.mark.parametrize(
    ("shared", "value", "complaint"),
    [
        ("screen_name", "WOLF", "share the screen name 'wolf'"),
        ("user_id", "1001", "share the user id '1001'"),
        ("token", "1001-wolf-token", "share a token"),
    ],
)
def test_two_accounts_that_cannot_be_told_apart_are_refused(
    wolf: Account, lamb: Account, shared: str, value: str, complaint: str
) -> None:
    """Names, ids and tokens are unique; the error message does not show the token."""
    double = replace(lamb, **{shared: value})  # type: ignore[arg-type]  # mypy cannot see which field it is

    with pytest.raises(BadOption, match=complaint) as raised:
        Pasture([wolf, double])

    assert wolf.token not in str(raised.value)


def test_judging_a_stranger_is_refused(pasture: Pasture) -> None:
    """A misspelled name raises an error."""
    with pytest.raises(BadOption, match="knows no account 'fox'"):
        pasture.suspend("fox")
