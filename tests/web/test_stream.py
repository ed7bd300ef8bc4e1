"""What the page reads and passes on: over real HTTP, from a real journal."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import simplejson as json

from flock.web.server import WebPage
from flock.web.stream import Event, Stream
from tests.conftest import TIMEOUT, until

Serve = Callable[..., WebPage]


class Reader:
    """A browser's side of the events."""

    def __init__(self, page: WebPage, after: str | None = None) -> None:
        headers = {} if after is None else {"Last-Event-ID": after}
        self._answer = requests.get(f"{page.url}/events", headers=headers, stream=True, timeout=TIMEOUT)
        self._lines: Iterator[str] = self._answer.iter_lines(chunk_size=1, decode_unicode=True)

    def next(self, name: str) -> tuple[dict[str, Any], str]:
        """Return the data and the id of the next event of that name."""
        found: dict[str, str] = {}
        for line in self._lines:
            field, _, value = line.partition(": ")
            if line:
                found[field] = value
            elif found.get("event") == name:
                return json.loads(found["data"]), found.get("id", "")
            else:
                found = {}
        raise AssertionError(f"the stream has ended without {name}")

    def close(self) -> None:
        self._answer.close()


def test_a_line_comes_as_soon_as_it_is_said(
    serve: Serve, write_key: Callable[..., Path], say: Callable[..., None]
) -> None:
    """With its bot's new state behind it."""
    write_key()
    page = serve()
    reader = Reader(page)
    reader.next("hello")

    say(0, "baa <b>\x1b[31m\u202e")
    line, identity = reader.next("line")
    bot, _ = reader.next("bot")
    reader.close()

    assert ("dolly", "baa <b>\ufffd[31m\ufffd", "said") == (line["bot"], line["text"], line["outcome"])
    assert "https://x.com/dolly/status/77" == line["link"]
    assert "1-0-x:dolly" == identity == line["id"]
    assert ("baa again", 1) == (bot["next"], bot["posts"])


def test_a_reader_that_comes_back_misses_nothing_and_hears_nothing_twice(
    serve: Serve, write_key: Callable[..., Path], say: Callable[..., None]
) -> None:
    """Also where the page was started anew meanwhile: the ids come from the journal."""
    write_key()
    say(0, "one")
    first = serve()
    after = requests.get(f"{first.url}/flock.json", timeout=TIMEOUT).json()["after"]
    say(1, "two")
    say(2, "three")
    reader = Reader(first, after)
    heard = [reader.next("line") for _ in range(2)]
    reader.close()
    say(3, "four")
    second = serve()
    reader = Reader(second, heard[-1][1])
    say(4, "five")
    heard += [reader.next("line") for _ in range(2)]
    reader.close()

    assert ["two", "three", "four", "five"] == [line["text"] for line, _ in heard]


def test_a_reader_with_an_unknown_id_is_told_to_read_everything_anew(
    serve: Serve, write_key: Callable[..., Path], say: Callable[..., None]
) -> None:
    """As after a copy of the journal was put into its place."""
    write_key()
    say(0, "one")
    reader = Reader(serve(), "99-98-x:dolly")
    assert {} == reader.next("reset")[0]
    reader.close()


def test_a_slow_reader_is_dropped_and_the_others_go_on() -> None:
    """One that takes nothing, while far more comes than the kernel holds for it."""
    stream = Stream()
    (slow, slow_end), (quick, quick_end) = socket.socketpair(), socket.socketpair()
    for connection in (slow_end, quick_end):
        stream.join(connection, None, Event("hello", {}))
    quick.settimeout(TIMEOUT)
    received = b""
    for number in range(64):
        stream.publish([Event("line", {"text": "b" * 100_000}, str(number))])
        while b"id: %d\n" % number not in received or not received.endswith(b"\n\n"):
            received = received[-200:] if len(received) > 10_000_000 else received
            received += quick.recv(1 << 20)

    until("the slow one is dropped", lambda: stream.readers == 1)
    stream.close()
    slow.close()
    quick.close()
    assert 64 == len(re.findall(rb"^id: ", received, re.MULTILINE))


def test_two_hundred_readers_cost_no_thread(
    serve: Serve, write_key: Callable[..., Path], say: Callable[..., None]
) -> None:
    """Each gets the line."""
    import threading

    write_key()
    page = serve()
    address = urlsplit(page.url)
    readers = []
    for _ in range(200):
        reader = socket.create_connection((address.hostname, address.port), timeout=TIMEOUT)
        reader.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b"hello" not in received:
            received += reader.recv(4096)
        readers.append(reader)
    threads = threading.active_count()
    say(0, "baa")

    for reader in readers:
        received = b""
        while b'"text": "baa"' not in received:
            received += reader.recv(4096)
        reader.close()
    assert threads < 30
