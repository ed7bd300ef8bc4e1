"""Signer makes the same signatures as oauthlib's own client, for every request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import Client

from flock.networks.x.api import Signer

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

tokens = st.text(min_size=1)
keys = st.tuples(tokens, tokens, tokens, tokens)
words = st.text("abcXYZ019-._~%/+ üé羊", max_size=20)
plain = st.tuples(
    st.sampled_from(("https://api.x.com", "HTTP://LOCALHOST:80", "http://[::1]:8088")), words.map("/".__add__)
).map("".join)


def sign(client: type[Client], key: tuple[str, str, str, str], url: str, **parts: object) -> object:
    """Return what `client` makes of a POST."""
    return client(*key, nonce="once", timestamp="1700000000").sign(url, "POST", **parts)  # type: ignore[arg-type]


def agree(key: tuple[str, str, str, str], url: str, **parts: object) -> bool:
    """Return whether Signer does as its parent."""
    return sign(Signer, key, url, **parts) == sign(Client, key, url, **parts)


@given(key=keys, url=plain)
def test_a_line_is_signed_as_oauthlib_would(key: tuple[str, str, str, str], url: str) -> None:
    """The signatures are the same for all tokens and URLs."""
    assert agree(key, url, headers=JSON)


@given(key=keys, url=plain)
def test_each_key_signs_differently(key: tuple[str, str, str, str], url: str) -> None:
    """The address is remembered from one sheep to the next, and nothing else is."""
    other = (*key[:3], key[3] + "!")
    assert sign(Signer, key, url, headers=JSON) != sign(Signer, other, url, headers=JSON)
    assert agree(other, url, headers=JSON)


@given(key=keys, url=plain, since=st.integers(0))
def test_a_query_is_signed_too(key: tuple[str, str, str, str], url: str, since: int) -> None:
    """The account's own posts are asked for with one."""
    assert agree(key, f"{url.replace('%', '')}?max_results=10&since_id={since}")


@given(key=keys, url=plain, text=words)
def test_a_form_is_signed_too(key: tuple[str, str, str, str], url: str, text: str) -> None:
    """API v1.1 takes lines in one."""
    assert agree(key, url, body=[("status", text)], headers=FORM)
