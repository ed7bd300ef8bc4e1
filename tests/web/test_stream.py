"""What the page reads and passes on: over real HTTP, from a real journal."""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import simplejson as json

from flock.cli.times import midnight
from flock.journal import Outcome, Place, Settlement, open_journal
from flock.options import Options, settle_options
from flock.state import Database
from flock.web import lookout
from flock.web.listening import listen
from flock.web.lookout import Change, Lookout
from flock.web.server import WebPage
from flock.web.stream import Event, Form, Stream
from tests.conftest import TIMEOUT, until
from tests.postgres import PostgresServer

Serve = Callable[..., WebPage]


class Reader:
    """A browser's side of the events."""

    def __init__(self, page: WebPage, after: str | None = None, query: str = "") -> None:
        headers = {} if after is None else {"Last-Event-ID": after}
        self._answer = requests.get(f"{page.url}/events{query}", headers=headers, stream=True, timeout=TIMEOUT)
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


def test_a_reader_of_dots_hears_the_state_of_a_bot_alone(
    serve: Serve, write_key: Callable[..., Path], say: Callable[..., None]
) -> None:
    """And each line as the others do."""
    write_key()
    page = serve()
    reader = Reader(page, query="?bots=dots")
    reader.next("hello")

    say(0, "baa")

    assert "baa" == reader.next("line")[0]["text"]
    dot = running = {"name": "dolly", "state": "asleep"}  # for as long as `say` has the bot
    while dot == running:
        dot, _ = reader.next("dot")
    assert {"name": "dolly", "state": "not running"} == dot
    reader.close()
    found = requests.get(f"{page.url}/field.json", timeout=TIMEOUT).json()
    [[name, _, state]] = found["bots"]
    assert ("dolly", "not running", "baa") == (name, found["states"][state], found["lines"][-1]["text"])
    assert "1-0-x:dolly" == found["after"]


def hear(stream: Stream, after: str | None, form: Form, end: bytes) -> bytes:
    """Return what a reader hears until that comes."""
    reader, connection = socket.socketpair()
    with closing(reader):
        reader.settimeout(TIMEOUT)
        stream.join(connection, after, Event("hello", {}), form)
        received = b""
        while end not in received:
            received += reader.recv(1 << 20)
    return received


def test_what_others_hear_of_bots_does_not_keep_a_reader_of_dots_from_catching_up() -> None:
    """What a reader has missed is counted by what is for it; where too much is lost, it reads all anew."""
    stream = Stream(kept=3, beat=0.01)
    with closing(stream):
        stream.publish([Event("line", {}, "1"), *(Event("bot", {"n": n}, only=Form.WHOLE) for n in range(9))])
        stream.publish([Event("dot", {"n": 1}, only=Form.DOTS), Event("line", {}, "2")])
        dots, whole = (hear(stream, "1", form, b"event: beat") for form in (Form.DOTS, Form.WHOLE))

    assert [b"hello", b"dot", b"line", b"beat"] == re.findall(rb"event: (\w+)", dots)[:4]
    assert [b"hello", b"reset", b"beat"] == re.findall(rb"event: (\w+)", whole)[:3]


def test_a_reader_that_has_missed_very_much_reads_all_anew() -> None:
    """That is less than what it has missed."""
    stream = Stream(beat=0.01)
    with closing(stream):
        stream.publish(Event("line", {"text": "b" * 100_000}, str(number)) for number in range(12))
        much, little = (hear(stream, after, Form.WHOLE, b"event: beat") for after in ("0", "9"))

    assert [b"hello", b"reset", b"beat"] == re.findall(rb"event: (\w+)", much)[:3]
    assert [b"hello", b"line", b"line", b"beat"] == re.findall(rb"event: (\w+)", little)[:4]


def test_lines_come_between_two_looks_at_all_bots(
    tmp_path: Path, options: Options, write_key: Callable[..., Path], say: Callable[..., None]
) -> None:
    """A look at ten thousand bots takes long. One that joins needs a look at once."""
    write_key()
    say(0, "one")
    page = Lookout(tmp_path, options, midnight=midnight)
    changes: list[Change] = []
    with closing(page):
        page.next_look = math.inf
        say(1, "two")
        page.glance(changes.append)
        write_key("ram.json", screen_name="ram", oauth_token="1003-token", oauth_token_secret="third")
        say(0, "three", "x:ram")
        page.glance(changes.append)

    assert [["two"], ["three"]] == [[line.entry.post.text for line in change.lines] for change in changes]
    assert [[], ["dolly", "ram"]] == [[seen.bot.name for seen in change.bots] for change in changes]
    assert (3, {"dolly": 2, "ram": 1}) == (page.summary()["today"], page.last_hour())
    assert page.next_look < math.inf


def test_an_edited_poem_and_an_edited_key_are_seen(
    tmp_path: Path, options: Options, write_key: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next look at the files; nothing is read anew where nothing has changed."""
    monkeypatch.setattr(lookout, "_FOLDER_EVERY", 0.0)
    write_key()
    page = Lookout(tmp_path, options, midnight=midnight)
    seen = []
    with closing(page):
        for edit in (
            lambda: None,
            lambda: (tmp_path / "poem.txt").write_text("baa\nbaa again\nonce more\n"),
            lambda: write_key(temperament="senile"),
        ):
            edit()
            changes: list[Change] = []
            page.look(changes.append)
            seen += [[(each.json["lines"], each.json["temperament"]) for each in changes[0].bots]]

    assert [[], [(3, "steadfast")], [(2, "senile")]] == seen


def test_a_line_of_a_flock_on_several_machines_comes_to_the_page(
    tmp_path: Path, write_key: Callable[..., Path], postgres: PostgresServer
) -> None:
    """Its journal is a database."""
    write_key()
    url = postgres.new_database()
    options = settle_options({"state": Database(url, tmp_path)}, environment={})
    with closing(open_journal(url)) as journal:
        journal.claim(["x:dolly"])
        with listen("127.0.0.1", 0) as listener:
            page = WebPage(tmp_path, options, listener, midnight=midnight)
        with closing(page):
            page.start()
            reader = Reader(page)
            reader.next("hello")
            now = time.time()
            journal.intend("x:dolly", Place(intended=now), "baa")
            journal.settle("x:dolly", Settlement(0, 0, Outcome.SAID, now, "77"), Place(n=1, due=now + 3600))
            line, identity = reader.next("line")
            bot, _ = reader.next("bot")
            reader.close()

    assert ("baa", "1-0-x:dolly", "asleep") == (line["text"], identity, bot["state"])


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
    earlier = set(threading.enumerate())
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
    threads = set(threading.enumerate()) - earlier
    say(0, "baa")

    for reader in readers:
        received = b""
        while b'"text": "baa"' not in received:
            received += reader.recv(4096)
        reader.close()
    assert len(threads) < 30
