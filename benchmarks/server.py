"""A TLS server that takes every post and does next to nothing else: what is measured is the client.

    python benchmarks/server.py CERTIFICATE_AND_KEY.pem [--close] [--port N]

Prints its URL, and serves X's API v1.1 and v2, Bluesky's and Mastodon's on loopback until it is stopped.
With --close it closes each connection after its answer, as networks do with those that are idle between two lines.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import hashlib
import html
import itertools
import json
import re
import ssl
import time
from collections.abc import Callable
from urllib.parse import parse_qs

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_DAY = 86_400  # seconds
_numbers = itertools.count(10**18)


def on_x(sent: bytes) -> tuple[bytes, bytes]:
    """Answer a post through API v2."""
    return b"201 Created", b'{"data": {"id": "%d", "text": %s}}' % (
        next(_numbers),
        _quoted(json.loads(sent)["text"]),
    )


def on_x_before(sent: bytes) -> tuple[bytes, bytes]:
    """Answer a post through API v1.1."""
    text = parse_qs(sent.decode()).get("status", [""])[0]
    return b"200 OK", b'{"id_str": "%d", "text": %s}' % (next(_numbers), _quoted(text))


def on_mastodon(sent: bytes) -> tuple[bytes, bytes]:
    """Answer a post with all the fields that Mastodon has."""
    text = json.loads(sent)["status"]
    return b"200 OK", _STATUS % (next(_numbers), _quoted(f"<p>{html.escape(text)}</p>"))


def mastodons_rules(sent: bytes) -> tuple[bytes, bytes]:
    """Answer what the server says about itself."""
    del sent
    rules = {"max_characters": 500, "characters_reserved_per_url": 23}
    return b"200 OK", json.dumps({"version": "4.7.2", "configuration": {"statuses": rules}}).encode()


def on_bluesky(sent: bytes) -> tuple[bytes, bytes]:
    """Answer a put."""
    put = json.loads(sent)
    uri = f"at://{put['repo']}/{put['collection']}/{put['rkey']}"
    cid = "bafyrei" + base64.b32encode(hashlib.sha256(uri.encode()).digest()).decode().lower().rstrip("=")
    commit = {"cid": cid, "rev": put["rkey"]}
    return b"200 OK", json.dumps({"uri": uri, "cid": cid, "commit": commit, "validationStatus": "valid"}).encode()


def blueskys_session(sent: bytes) -> tuple[bytes, bytes]:
    """Let an account in, for a day."""
    handle = json.loads(sent)["identifier"]
    did = f"did:plc:{base64.b32encode(hashlib.sha256(handle.encode()).digest()).decode().lower()[:24]}"
    now = int(time.time())
    claims = base64.urlsafe_b64encode(json.dumps({"sub": did, "iat": now, "exp": now + _DAY}).encode()).decode()
    token = f"eyJ0eXAiOiJhdCtqd3QifQ.{claims.rstrip('=')}.{'s' * 43}"
    tokens = {"accessJwt": token, "refreshJwt": token, "handle": handle, "did": did, "active": True}
    return b"200 OK", json.dumps(tokens).encode()


_ACCOUNT = {
    "id": "1",
    "username": "bot",
    "acct": "bot",
    "display_name": "a bot",
    "bot": True,
    "note": "<p>A bot that says a poem.</p>",
    "url": "https://localhost/@bot",
    "followers_count": 1,
    "statuses_count": 100,
}
_STATUS = (
    json.dumps(
        {
            "id": "ID",
            "created_at": "2026-11-28T00:00:00.000Z",
            "in_reply_to_id": None,
            "sensitive": False,
            "spoiler_text": "",
            "visibility": "unlisted",
            "language": "en",
            "uri": "https://localhost/users/bot/statuses/1",
            "content": "CONTENT",
            "account": _ACCOUNT,
            "media_attachments": [],
            "mentions": [],
            "tags": [],
            "emojis": [],
        }
    )
    .replace("%", "%%")
    .replace('"ID"', '"%d"')
    .replace('"CONTENT"', "%s")
    .encode()
)
_ROUTES: tuple[tuple[bytes, Callable[[bytes], tuple[bytes, bytes]]], ...] = (
    (b" /2/tweets", on_x),
    (b" /1.1/", on_x_before),
    (b" /xrpc/com.atproto.repo.putRecord", on_bluesky),
    (b" /xrpc/com.atproto.server.createSession", blueskys_session),
    (b" /api/v1/statuses", on_mastodon),
    (b" /api/v2/instance", mastodons_rules),
)


def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()


class Taker(asyncio.Protocol):
    """Answers each request of one connection: a post is a new one."""

    def __init__(self, *, closing: bool) -> None:
        self._received = b""
        self._closing = closing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n") + 4) >= 4:
            length = _LENGTH.search(self._received, 0, end)
            whole = end + (int(length[1]) if length else 0)
            if len(self._received) < whole:
                return
            asked = self._received[: self._received.find(b"\r\n")]
            answer = next((answer for path, answer in _ROUTES if path in asked), None)
            self._answer(*(answer(self._received[end:whole]) if answer else (b"404 Not Found", b"{}")))
            self._received = self._received[whole:]

    def _answer(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
        last = b"Connection: close\r\n" if self._closing else b""
        self._transport.write(head % (status, len(body), last) + body)
        if self._closing:
            self._transport.close()


async def serve(certificate: str, port: int, *, closing: bool) -> None:
    """Listen on that port, or on a free one for 0, and print the URL."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    taker = functools.partial(Taker, closing=closing)
    server = await loop.create_server(taker, "127.0.0.1", port, ssl=tls, backlog=4096)
    print(f"https://localhost:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("certificate", help="with its key, in PEM")
    parser.add_argument("--close", action="store_true", help="each connection after its answer")
    parser.add_argument("--port", type=int, default=0, help="(a free one)")
    given = parser.parse_args()
    asyncio.run(serve(given.certificate, given.port, closing=given.close))
