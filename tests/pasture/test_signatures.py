"""Signatures: every way in which a request is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from requests_oauthlib import OAuth1, OAuth1Session

from flock.pasture import Account, Pasture

FIELDS = ["consumer_key", "token", "signature", "nonce", "timestamp", "signature_method", "version"]
VALUES = ["", "app-key", "1001-wolf-token", "HMAC-SHA1", "1.0", "2.0", "0000000000", "%zz"]

V1_ME = "/1.1/account/verify_credentials.json"
V2_ME = "/2/users/me"
V2_UNAUTHORIZED = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}


def signed_headers(account: Account, url: str) -> dict[str, str]:
    """The headers of a signed GET."""
    auth = OAuth1(
        account.consumer_key,
        account.consumer_secret.get_secret_value(),
        account.token,
        account.token_secret.get_secret_value(),
    )
    signed = requests.Request("GET", url, auth=auth).prepare().headers
    return {name: text(value) for name, value in signed.items()}


def text(value: str | bytes) -> str:
    """A header's value as text."""
    return value.decode() if isinstance(value, bytes) else value


def v1_code(response: requests.Response) -> int:
    """The one error code of a v1.1 answer."""
    (error,) = response.json()["errors"]
    return int(error["code"])


@pytest.fixture(scope="module")
def noisy_pasture(wolf: Account) -> Iterator[Pasture]:
    """A pasture that allows many requests in one test."""
    with Pasture([wolf]) as pasture:
        yield pasture


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"consumer_secret": SecretStr("another")}, 32),
        ({"token_secret": SecretStr("another")}, 32),
        ({"consumer_key": "another"}, 32),
        ({"consumer_key": "unknown", "consumer_secret": SecretStr("unknown")}, 32),
        ({"token": "1001-another"}, 89),
        ({"token": "unknown", "token_secret": SecretStr("unknown")}, 89),
    ],
)
def test_wrong_keys_are_refused(
    pasture: Pasture,
    wolf: Account,
    sign_in: Callable[[Account], OAuth1Session],
    wrong: dict[str, str],
    code: int,
) -> None:
    """Each of the four keys is checked, and the stand-in for unknown clients is no valid key."""
    session = sign_in(replace(wolf, **wrong))  # type: ignore[arg-type]  # mypy cannot see which fields they are

    by_v1, by_v2 = session.get(pasture.url + V1_ME), session.get(pasture.url + V2_ME)

    assert (by_v1.status_code, v1_code(by_v1)) == (401, code)
    assert (by_v2.status_code, by_v2.json()) == (401, V2_UNAUTHORIZED)


def test_an_unsigned_request_is_refused(pasture: Pasture) -> None:
    """Without OAuth parameters, v1.1 answers "bad authentication data"."""
    by_v1, by_v2 = requests.get(pasture.url + V1_ME), requests.get(pasture.url + V2_ME)

    assert (by_v1.status_code, v1_code(by_v1)) == (400, 215)
    assert (by_v2.status_code, by_v2.json()) == (401, V2_UNAUTHORIZED)


def test_another_signature_method_is_refused(pasture: Pasture, wolf: Account) -> None:
    """X accepts HMAC-SHA1 only; PLAINTEXT would send the secrets."""
    with OAuth1Session(
        wolf.consumer_key,
        wolf.consumer_secret.get_secret_value(),
        wolf.token,
        wolf.token_secret.get_secret_value(),
        signature_method="PLAINTEXT",
    ) as session:
        assert v1_code(session.get(pasture.url + V1_ME)) == 32


@pytest.mark.parametrize("off", [-301, 301])
def test_a_stale_timestamp_is_refused(pasture: Pasture, session: OAuth1Session, clock: Mock, off: int) -> None:
    """More than five minutes off the pasture's clock, either way, has a code of its own in v1.1."""
    clock.return_value += off + (off > 0)  # the signature's own second is cut off

    by_v1, by_v2 = session.get(pasture.url + V1_ME), session.get(pasture.url + V2_ME)

    assert (by_v1.status_code, v1_code(by_v1)) == (401, 135)
    assert (by_v2.status_code, by_v2.json()) == (401, V2_UNAUTHORIZED)


@pytest.mark.parametrize("off", [-290, 290])
def test_a_clock_a_little_off_is_forgiven(pasture: Pasture, session: OAuth1Session, clock: Mock, off: int) -> None:
    """A timestamp within five minutes is accepted."""
    clock.return_value += off

    assert session.get(pasture.url + V2_ME).status_code == 200


@pytest.mark.parametrize("me", [V1_ME, V2_ME])
def test_a_replayed_request_is_refused(pasture: Pasture, session: OAuth1Session, me: str) -> None:
    """The same signed request is accepted once."""
    prepared = session.prepare_request(requests.Request("GET", pasture.url + me))

    first, second = session.send(prepared), session.send(prepared)

    assert (first.status_code, second.status_code) == (200, 401)


def test_a_forged_request_does_not_spend_the_nonce(pasture: Pasture, session: OAuth1Session) -> None:
    """Only the nonce of a request with a good signature is stored."""
    prepared = session.prepare_request(requests.Request("GET", pasture.url + V2_ME))
    forged = prepared.copy()
    forged.url = f"{pasture.url}{V2_ME}?more=1"

    assert session.send(forged).status_code == 401
    assert session.send(prepared).status_code == 200


def test_a_tampered_text_is_refused(pasture: Pasture, session: OAuth1Session) -> None:
    """A v1.1 form is part of what was signed."""
    prepared = session.prepare_request(
        requests.Request("POST", f"{pasture.url}/1.1/statuses/update.json", data={"status": "mine"})
    )
    prepared.prepare_body({"status": "evil"}, None)

    response = session.send(prepared)

    assert v1_code(response) == 32
    assert pasture.store.posts() == []


def test_a_request_cannot_be_repeated_after_a_restart(tmp_path: Path, wolf: Account) -> None:
    """The nonces are in the file with the posts: the same request is refused by the pasture that comes next."""
    answers = []
    port = 0
    headers: dict[str, str] = {}
    for _ in range(2):
        with Pasture([wolf], state=tmp_path / "pasture.db", port=port) as pasture:
            port = int(pasture.url.rpartition(":")[2])
            headers = headers or signed_headers(wolf, pasture.url + V2_ME)
            answers.append(requests.get(pasture.url + V2_ME, headers=headers).status_code)

    assert [200, 401] == answers


@given(
    parameters=st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126)),
        st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES)).map(
            lambda fields: ", ".join(f'oauth_{name}="{value}"' for name, value in fields.items())
        ),
    )
)
def test_no_header_whatever_gets_through(noisy_pasture: Pasture, parameters: str) -> None:
    """Malformed, empty and half-filled headers are refused, and cause no error in the pasture."""
    response = requests.get(noisy_pasture.url + V1_ME, headers={"Authorization": f"OAuth {parameters}".strip()})

    assert response.status_code in {400, 401}
    assert v1_code(response) in {32, 89, 135, 215}


@pytest.mark.parametrize("query", ["?a=%zz", '?a="', "?oauth_token=x", "?\xff"])
def test_no_query_whatever_is_an_error_of_the_pasture(pasture: Pasture, query: str) -> None:
    """A query that oauthlib cannot read is a bad signature."""
    header = {"Authorization": 'OAuth oauth_consumer_key="app-key"'}

    assert requests.get(pasture.url + V2_ME + query, headers=header).status_code == 401
