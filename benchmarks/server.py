"""A TLS server that takes every post and does next to nothing else: what is measured is the client.

    python benchmarks/server.py CERTIFICATE_AND_KEY.pem [--close] [--port N]

Prints its URL, and serves API v1.1 and v2 on loopback until it is stopped. With --close it closes each connection
after its answer, as networks do with connections that are idle between two lines.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import itertools
import json
import re
import ssl
from urllib.parse import parse_qs

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_numbers = itertools.count(10**18)


class Taker(asyncio.Protocol):
    """Answers each request of one connection with a new post: its id, and its text."""

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
            v1 = b" /1.1/" in self._received[:20]
            sent = self._received[end:whole].decode()
            text = parse_qs(sent).get("status", [""])[0] if v1 else json.loads(sent)["text"]
            self._answer(json.dumps(text).encode(), v1=v1)
            self._received = self._received[whole:]

    def _answer(self, text: bytes, *, v1: bool) -> None:
        body = b'{"id_str": "%d", "text": %s}' if v1 else b'{"data": {"id": "%d", "text": %s}}'
        body %= (next(_numbers), text)
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
        last = b"Connection: close\r\n" if self._closing else b""
        self._transport.write(head % (b"200 OK" if v1 else b"201 Created", len(body), last) + body)
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
