"""Revoked, suspended and locked accounts, and pardons."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from requests import Response
from requests_oauthlib import OAuth1Session

from flock.pasture import Account, Pasture


@pytest.mark.parametrize(
    ("judge", "status", "code", "problem", "detail"),
    [
        (Pasture.revoke, 401, 89, "about:blank", "Unauthorized"),
        (
            Pasture.suspend,
            403,
            64,
            "https://api.twitter.com/2/problems/user-suspended",
            "Your account is suspended",
        ),
        (Pasture.lock, 403, 326, "about:blank", "Your account is temporarily locked"),
    ],
)
def test_an_account_in_disgrace_is_refused_until_it_is_pardoned(
    *,
    pasture: Pasture,
    say_v1: Callable[[str], Response],
    say_v2: Callable[[str], Response],
    judge: Callable[[Pasture, str], None],
    status: int,
    code: int,
    problem: str,
    detail: str,
) -> None:
    """Each standing has its own answer in both APIs, and lasts until the pardon."""
    judge(pasture, "Wolf")

    by_v1, by_v2 = say_v1("howl"), say_v2("howl")
    pasture.pardon("wolf")
    pardoned = say_v2("howl")

    assert (by_v1.status_code, [error["code"] for error in by_v1.json()["errors"]]) == (status, [code])
    assert (by_v2.status_code, by_v2.json()["type"]) == (status, problem)
    assert by_v2.json()["detail"].startswith(detail)
    assert pardoned.status_code == 201
    assert len(pasture.store.posts()) == 1


def test_a_suspended_account_cannot_read_either(pasture: Pasture, session: OAuth1Session) -> None:
    """The standing concerns every signed request."""
    pasture.suspend("wolf")

    assert session.get(f"{pasture.url}/2/users/me").status_code == 403


def test_others_go_on(pasture: Pasture, lamb: Account, sign_in: Callable[[Account], OAuth1Session]) -> None:
    """The standing of one account does not affect another."""
    pasture.revoke("wolf")

    assert sign_in(lamb).get(f"{pasture.url}/2/users/me").status_code == 200
