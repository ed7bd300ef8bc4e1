"""Whatever a server answers: a key, or one line that shows nothing of the answer but its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

import flock
from flock.errors import KeyNotMade, NetworkError
from flock.keymaker import Keymaker, mastodon, x
from flock.keymaker.apps import Apps
from flock.networks.http import Session
from flock.networks.x.api import Signature
from tests.keymaker.person import Person

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["data", "username", "id", "bot", "error"]), inner)
    ),
    max_leaves=6,
)
FORM = st.sampled_from(["oauth_token", "oauth_token_secret", "user_id", "screen_name", "baa"])
BODY = (
    st.binary(max_size=40)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(FORM, st.text(max_size=8)).map(lambda form: "&".join(map("=".join, form.items())).encode())
)
STATUS = st.sampled_from([200, 201, 204, 302, 400, 401, 402, 403, 404, 407, 422, 429, 500, 503])


def answering(status: int, body: bytes) -> Session:
    """Return a session in which each request has this answer."""

    def request(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code, response._content, response.headers = status, body, CaseInsensitiveDict()
        return response

    return cast(Session, SimpleNamespace(request=request))


@given(STATUS, BODY)
def test_any_answer_about_an_account_is_an_account_or_an_error(status: int, body: bytes) -> None:
    """On X and on Mastodon; a name that is shown, or names a file, is a name."""
    for ask in (
        lambda session: x.who_is(session, "https://api.x.com", Signature("a", "b", "c", "d")),
        lambda session: mastodon.who_is(session, "https://botsin.example", "token"),
    ):
        try:
            name = ask(answering(status, body)).name
        except NetworkError:
            continue
        assert 200 <= status < 300
        assert name.replace("-", "_").replace(".", "_").isidentifier() or name[0].isdigit()


@given(STATUS, BODY)
def test_any_answer_to_a_request_for_tokens_makes_no_key(status: int, body: bytes) -> None:
    """An answer without all of its fields is one line."""
    folder, person = Path("keys"), Person(["app-key", "app-secret"], accounts=[])
    apps = Apps(folder, None, person)
    flow = x.XFlow("https://api.x.com", answering(status, body), apps=apps, questions=person, practises=False)
    has_both = {b"oauth_token", b"oauth_token_secret"} <= {part.partition(b"=")[0] for part in body.split(b"&")}
    if has_both and status == 200:
        return
    with pytest.raises(KeyNotMade) as caught:
        flow.authorize(None)
    assert 1 == len(str(caught.value).splitlines())
    assert "app-secret" not in str(caught.value)


def test_a_flock_has_a_keymaker(make: Callable[..., Keymaker]) -> None:
    """As a public name."""
    assert flock.Keymaker is Keymaker
    assert isinstance(make(), flock.Keymaker)


def test_without_questions_what_is_missing_is_an_error(make: Callable[..., Keymaker], poem: Path) -> None:
    """And not a hang."""
    with pytest.raises(KeyNotMade, match="no answer to the question: "):
        make().new("bluesky", poem)
