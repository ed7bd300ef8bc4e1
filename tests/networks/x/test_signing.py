"""Signature makes the same signatures as oauthlib's own client, for every request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import Client

from flock.networks.x.api import Signature

JSON = {"Content-Type": "application/json"}

tokens = st.text(min_size=1)
keys = st.tuples(tokens, tokens, tokens, tokens)
words = st.text("abcXYZ019-._~%/+ üé羊", max_size=20)
plain = st.tuples(
    st.sampled_from(("https://api.x.com", "HTTP://LOCALHOST:80", "http://[::1]:8088")), words.map("/".__add__)
).map("".join)


def sign(key: tuple[str, str, str, str], url: str) -> str:
    """Return the header that Signature makes for a POST, at a fixed time."""
    signature = Signature(*key, nonce="once", timestamp="1700000000")
    return signature.headers_for("POST", url)["Authorization"]


@given(key=keys, url=plain)
def test_a_line_is_signed_as_oauthlib_would(key: tuple[str, str, str, str], url: str) -> None:
    """The signatures are the same for all tokens and URLs."""
    client = Client(*key, nonce="once", timestamp="1700000000")
    _, headers, _ = client.sign(url, "POST", headers=JSON)
    assert headers["Authorization"] == sign(key, url)


@given(key=keys, urls=st.lists(st.tuples(plain, st.from_regex(r"[0-9]{1,20}", fullmatch=True)), min_size=2))
def test_one_signer_signs_one_request_after_another(
    key: tuple[str, str, str, str], urls: list[tuple[str, str]]
) -> None:
    """Nonce, time and URL are those of the request, and not of the one before."""
    signature = Signature(*key)
    for url, nonce in urls:
        signature.client.nonce = signature.client.timestamp = nonce
        _, headers, _ = Client(*key, nonce=nonce, timestamp=nonce).sign(url, "POST", headers=JSON)
        assert headers["Authorization"] == signature.headers_for("POST", url)["Authorization"]


@given(key=keys, url=plain)
def test_each_key_signs_differently(key: tuple[str, str, str, str], url: str) -> None:
    """No signature depends on the request that another key signed."""
    other = (*key[:3], key[3] + "!")
    assert sign(key, url) != sign(other, url)
