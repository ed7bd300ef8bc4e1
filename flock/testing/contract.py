"""What every network must do, as a suite of checks: for flock's own adapters, and for yours.

    def test_my_network_keeps_the_contract():
        network_contract(lambda: MyNetwork(key, service=service))

The checks make some twenty posts, so run them against a practice server, never against a real account.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from flock.errors import Duplicate, NetworkError, OutcomeUnknown, Retry, Unavailable
from flock.networks.base import Intent, Post, Reply, is_post_id, is_same_text
from flock.networks.service import Service
from flock.poem import cut
from flock.sheep.delivery import is_newer
from flock.sheep.recovery import is_from_then

ODD_TEXTS = (
    "two lines\nof one stanza",
    "one stanza\n\nand another",
    "<b>not bold</b> & &amp; 'quoted' \"twice\"",
    "羊 🐑 🏴󠁧󠁢󠁥󠁮󠁧󠁿 e\u0301 Μῆνιν",
    "see https://example.com/a/long/path/to/some/page?and=a&query=too",
    "@somebody: #hashtag, mail@example.com",
)
"""Texts that networks change: each must be recognised when it is read back."""

_NEVER_FITS = 1_000_000  # characters
_UNFIT = ("", " \n", "nothing\0", "half a character: \ud83d", "x" * _NEVER_FITS)
_APART = 0.01  # seconds between the intents of one bot, at least: between two posts there is a round trip
_PATIENCE = 10.0  # seconds in which a post whose answer was lost must show


class Adapter(Protocol):
    """What is checked: a `flock.networks.base.Network`."""

    @property
    def service(self) -> Service: ...

    @property
    def looks_first(self) -> bool: ...

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool: ...

    def fits(self, text: str) -> bool: ...

    def post(self, text: str, intent: Intent) -> str: ...

    def recent(self, since_id: str | None = None) -> Sequence[Post]: ...


class BrokenContract(AssertionError):
    """The network does not do what it must. The text has a line for each check that failed."""


@dataclass
class _Bench:
    """One account, and what the checks need to try its network."""

    connect: Callable[[], Adapter]
    unreachable: Callable[[], Adapter] | None
    losing_answers: Callable[[], AbstractContextManager[object]] | None
    made: int = 0
    at: float = 0.0

    def intent(self, reply_to: Reply | None = None) -> Intent:
        self.at = max(time.time(), self.at + _APART)
        return Intent(secrets.token_hex(16), self.at, reply_to)

    def text(self) -> str:
        self.made += 1
        return f"check {self.made}: {secrets.token_hex(4)}"


def network_contract(
    connect: Callable[[], Adapter],
    *,
    unreachable: Callable[[], Adapter] | None = None,
    losing_answers: Callable[[], AbstractContextManager[object]] | None = None,
) -> None:
    """Raise BrokenContract unless the network does all that a sheep needs.

    `connect` returns a new connection to one and the same account at each call. `unreachable` returns one to a
    server that takes no connection, for networks that have a server. Within `losing_answers()` the network makes
    each post and loses its answer. Without these two, their checks are left out.
    """
    bench = _Bench(connect, unreachable, losing_answers)
    broken = [line for check in _CHECKS for line in _failure(check, bench)]
    if broken:
        raise BrokenContract("\n".join(broken))


def _failure(check: Callable[[_Bench], None], bench: _Bench) -> Iterator[str]:
    rule = " ".join((check.__doc__ or "").split())
    try:
        check(bench)
    except AssertionError as error:
        yield f"{rule} {error}"
    except Exception as error:  # noqa: BLE001 - whatever the adapter lets through breaks the rule
        yield f"{rule} It raised {type(error).__name__}: {error}"


def _must(holds: object, found: str) -> None:
    if not holds:
        raise AssertionError(f"({found})")


@contextmanager
def _only_network_errors(what: str) -> Iterator[None]:
    try:
        yield
    except NetworkError:
        pass
    except Exception as error:
        raise AssertionError(f"({what} raised {type(error).__name__})") from error


def _belongs_to_a_service(bench: _Bench) -> None:
    """It has a Service, which says what its server is called."""
    service = bench.connect().service
    _must(isinstance(service, Service) and service.name, f"found {service!r}")


def _answers_with_the_id(bench: _Bench) -> None:
    """`post` returns the id of the post: printable ASCII without spaces."""
    post_id = bench.connect().post(bench.text(), bench.intent())
    _must(is_post_id(post_id), f"found {post_id!r}")


def _gives_each_post_an_id(bench: _Bench) -> None:
    """Each post has an id of its own, and a later one is not taken for an earlier one."""
    network = bench.connect()
    first, second = (network.post(bench.text(), bench.intent()) for _ in range(2))
    _must(is_newer(second, first), f"after {first} came {second}")


def _lists_the_latest_posts(bench: _Bench) -> None:
    """`recent` lists the latest posts, newest first, over another connection, too."""
    posts = [bench.connect().post(bench.text(), bench.intent()) for _ in range(3)]
    found = [post.id for post in bench.connect().recent()][:3]
    _must(found == posts[::-1], f"made {posts}, found {found}")


def _lists_no_older_posts(bench: _Bench) -> None:
    """`recent(since_id)` lists the posts after that one, and that one itself only behind them."""
    network = bench.connect()
    old, known, new = (network.post(bench.text(), bench.intent()) for _ in range(3))
    found = [post.id for post in network.recent(known)]
    newer = found[: found.index(known)] if known in found else found
    _must(newer == [new], f"after {old}, {known} and {new} it lists {found} since {known}")


def _tells_the_age_of_posts(bench: _Bench) -> None:
    """`recent` tells how old a post is, in seconds, or None: one that was just made is as good as new."""
    network = bench.connect()
    network.post(bench.text(), bench.intent())
    latest = network.recent()[0]
    _must(is_from_then(latest, 0.0), f"found one of {latest.age} seconds")


def _recognises_texts(bench: _Bench) -> None:
    """A text that is read back is the same as the one that was sent, by `is_same_text`."""
    network = bench.connect()
    for odd in ODD_TEXTS:
        text = f"{bench.text()}: {odd}"
        post_id = network.post(text, bench.intent())
        found = next((each for each in network.recent() if each.id == post_id), None)
        _must(found and is_same_text(found.text, text), f"sent {text!r}, found {found}")


def _fits_what_it_takes(bench: _Bench) -> None:
    """What `fits` is taken: a long line, cut by it, can be posted."""
    network = bench.connect()
    _must(network.fits("baa"), "three letters do not fit")
    _must(not network.fits("x" * _NEVER_FITS), "a million letters fit")
    length = next(length for length in range(100, _NEVER_FITS, 100) if not network.fits("baa " * length))
    pieces = cut(bench.text() + " baa" * length, network.fits)
    for piece in pieces[:2]:
        network.post(piece, bench.intent())


def _refuses_with_its_own_errors(bench: _Bench) -> None:
    """A text that cannot be posted is a NetworkError, never another exception."""
    network = bench.connect()
    for text in _UNFIT:
        with _only_network_errors(f"posting {text[:20]!r}"):
            network.post(text, bench.intent())


def _says_how_a_post_is_found_out_about(bench: _Bench) -> None:
    """Without `looks_first`, it is safe to repeat a post; where that is said to be safe, it is."""
    network, intent, text = bench.connect(), bench.intent(), bench.text()
    first = network.post(text, intent)
    if not bench.connect().is_safe_to_repeat(intent, time.time()):
        _must(network.looks_first, "it neither looks first, nor is it safe to repeat a post")
        return
    try:
        again = bench.connect().post(text, intent)
        _must(again == first, f"the repeated post has the id {again}, the first {first}")
    except Duplicate:
        pass
    ids = [post.id for post in network.recent() if is_same_text(post.text, text)]
    _must(ids == [first], f"a repeated post was made {len(ids)} times")


def _takes_replies(bench: _Bench) -> None:
    """A post may reply to another one; if that one is gone, it is still a post or a NetworkError."""
    network = bench.connect()
    first = network.post(bench.text(), bench.intent())
    second = network.post(bench.text(), bench.intent(Reply(first, first)))
    network.post(bench.text(), bench.intent(Reply(second, first)))
    with _only_network_errors("a reply to nothing"):
        network.post(bench.text(), bench.intent(Reply("0", "0")))


def _tells_a_server_that_is_away(bench: _Bench) -> None:
    """Without a connection, the post is certainly not out: Unavailable."""
    if bench.unreachable is None:
        return
    network = bench.unreachable()
    for attempt in (lambda: network.post(bench.text(), bench.intent()), network.recent):
        try:
            attempt()
        except Unavailable:
            continue
        except NetworkError as error:
            raise AssertionError(f"(found {type(error).__name__})") from error
        raise AssertionError("(it was answered)")


def _finds_a_post_whose_answer_was_lost(bench: _Bench) -> None:
    """A lost answer is OutcomeUnknown, and the post is found: among the latest, or by repeating it."""
    if bench.losing_answers is None:
        return
    network, intent, text = bench.connect(), bench.intent(), bench.text()
    network.fits(text)
    with bench.losing_answers():
        try:
            network.post(text, intent)
        except OutcomeUnknown:
            pass
        else:
            raise AssertionError("(it was answered)")
    deadline = time.monotonic() + _PATIENCE
    while not _is_found(bench.connect(), text, intent):
        _must(time.monotonic() < deadline, "it is not found")
    ids = [post.id for post in bench.connect().recent() if is_same_text(post.text, text)]
    _must(len(ids) == 1, f"it was made {len(ids)} times")


def _is_found(network: Adapter, text: str, intent: Intent) -> bool:
    if network.looks_first:
        return any(is_same_text(post.text, text) for post in network.recent())
    try:
        return is_post_id(network.post(text, intent))
    except Retry:
        return False


_CHECKS: tuple[Callable[[_Bench], None], ...] = (
    _belongs_to_a_service,
    _answers_with_the_id,
    _gives_each_post_an_id,
    _lists_the_latest_posts,
    _lists_no_older_posts,
    _tells_the_age_of_posts,
    _recognises_texts,
    _fits_what_it_takes,
    _refuses_with_its_own_errors,
    _says_how_a_post_is_found_out_about,
    _takes_replies,
    _tells_a_server_that_is_away,
    _finds_a_post_whose_answer_was_lost,
)
