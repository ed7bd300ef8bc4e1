"""Metrics, and whether the flock is well."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flock.errors import BadOption
from flock.events import (
    Event,
    Failed,
    Out,
    Reloaded,
    Rounds,
    Said,
    Silenced,
    Skipped,
    SpeaksAgain,
    Stopping,
    Unsure,
)
from flock.observers.metrics import BOTS, Metrics
from flock.observers.serving import MetricsServer, parse_address

AT = 1795455485.0


def rounds(
    *,
    sheep: int = 9,
    penned: tuple[str, ...] = (),
    dead: tuple[str, ...] = (),
    quiet: tuple[str, ...] = (),
    alive: bool = True,
) -> Rounds:
    """Return what the shepherd tells each second."""
    return Rounds(
        at=AT,
        sheep=sheep,
        penned=penned,
        waiting=2,
        in_trouble=1,
        paused=3,
        alive=alive,
        dead=dead,
        quiet=quiet,
        lag=7.5,
    )


def said(bot: str, age: float = 1.5, service: str = "X") -> Said:
    return Said(at=AT, bot=bot, text="baa", n=0, line=0, lines=1, age=age, late=2.0, post_id="1", service=service)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(metrics: Metrics) -> Iterator[MetricsServer]:
    server = MetricsServer(metrics, "127.0.0.1", 0)
    yield server
    server.close()


def tell(metrics: Metrics, *events: Event) -> None:
    for event in events:
        metrics(event)


def get(server: MetricsServer, path: str, method: str = "GET") -> tuple[int, str]:
    """Return the status and the text of the answer."""
    request = urllib.request.Request(f"{server.url}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(server: MetricsServer) -> dict[str, float]:
    """Return what Prometheus would read."""
    return {
        " ".join(
            [sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))]
        ): sample.value
        for family in text_string_to_metric_families(get(server, "/metrics")[1])
        for sample in family.samples
    }


def test_posts_and_failures_are_counted_by_service(metrics: Metrics, server: MetricsServer) -> None:
    """Posts by outcome, and failures by the class of the error."""
    skipped = Skipped(at=AT, bot="ann", text="baa", n=1, why="187", service="X")
    unsure = Unsure(at=AT, bot="ann", text="baa", n=1, why="no answer", service="botsin.example")
    failed = Failed(at=AT, bot="ann", kind="Unavailable", service="X")
    tell(metrics, said("ann"), said("ben"), skipped, unsure, failed, failed)

    found = samples(server)

    assert {
        "flock_posts_total outcome=said service=X": 2,
        "flock_posts_total outcome=skipped service=X": 1,
        "flock_posts_total outcome=unknown service=botsin.example": 1,
        "flock_failures_total kind=Unavailable service=X": 2,
    } == {
        name: value
        for name, value in found.items()
        if name.startswith(("flock_posts_total", "flock_failures_total"))
    }
    assert (2, 4) == (found["flock_post_lateness_seconds_count"], found["flock_post_lateness_seconds_sum"])


def test_the_shepherds_rounds_are_gauges(metrics: Metrics, server: MetricsServer) -> None:
    """Each bot is in one state."""
    tell(metrics, rounds(penned=("ann", "ben"), dead=("cat",), quiet=("dan",)))

    found = samples(server)

    states = {"penned": 2, "waiting": 2, "retrying": 1, "dead": 1, "well": 3}
    assert states == {state: found[f"flock_bots state={state}"] for state in states}
    assert (1, 3, 7.5, 1, 1, AT) == tuple(
        found[f"flock_{name}"]
        for name in (
            "quiet_bots",
            "paused_bots",
            "lag_seconds",
            "alive",
            "journal_writable",
            "looked_timestamp_seconds",
        )
    )


def test_ages_are_those_of_the_bots_that_have_posted(metrics: Metrics, server: MetricsServer) -> None:
    """The youngest, the mean, the oldest; and each bot's own."""
    tell(metrics, said("ann", 1.0), said("ben", 2.0), said("ben", 4.0))

    found = samples(server)

    assert (1, 2.5, 4) == tuple(found[f"flock_age_recitations of={of}"] for of in ("youngest", "mean", "oldest"))
    assert (4, AT) == (
        found["flock_bot_age_recitations bot=ben"],
        found["flock_bot_posted_timestamp_seconds bot=ben"],
    )


def test_a_bot_that_is_taken_out_of_the_flock_has_no_series(metrics: Metrics, server: MetricsServer) -> None:
    """Nor does its age count."""
    removed = Reloaded(at=AT, added=(), removed=("ben", "cat"), changed=0, bad=0)
    tell(metrics, said("ann", 1.0), said("ben", 2.0), removed)

    found = samples(server)

    assert ["bot=ann", "bot=ann"] == [name.split()[1] for name in found if name.startswith("flock_bot_")]
    assert 1 == found["flock_age_recitations of=oldest"]


@pytest.mark.parametrize("sheep", [BOTS, BOTS + 1])
def test_bots_of_a_large_flock_have_no_series_of_their_own(
    metrics: Metrics, server: MetricsServer, sheep: int
) -> None:
    """Their number is bounded."""
    tell(metrics, Out(at=AT, sheep=sheep), *(said(f"bot{number}") for number in range(sheep)))

    own = [name for name in samples(server) if name.startswith("flock_bot_age_recitations")]

    assert (BOTS if sheep <= BOTS else 0) == len(own)


def test_the_commits_of_the_journal_are_a_histogram(metrics: Metrics, server: MetricsServer) -> None:
    """In seconds."""
    metrics.committed(0.002)
    metrics.committed(0.3)

    found = samples(server)

    assert 2 == found["flock_journal_commit_seconds_count"]
    assert pytest.approx(0.302) == found["flock_journal_commit_seconds_sum"]
    assert 1 == found["flock_journal_commit_seconds_bucket le=0.0025"]


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        ([], (503, "the flock is starting\n")),
        ([rounds()], (200, "the flock is well\n")),
        ([rounds(penned=("ann",))], (503, "ann is penned\n")),
        ([rounds(penned=("ann", "ben\x1b"))], (503, "2 bots (ann, ben\ufffd) are penned\n")),
        ([rounds(penned=("ann",)), rounds()], (200, "the flock is well\n")),
        ([rounds(quiet=("ann",), dead=("ben",))], (503, "ben has stopped by an error; ann has gone quiet\n")),
        ([rounds(alive=False)], (503, "most sheep are stuck: they do not move when they should\n")),
        ([rounds(), Silenced(at=AT, why="disk full")], (503, "nothing can be said: disk full\n")),
        ([rounds(), Silenced(at=AT, why="disk full"), SpeaksAgain(at=AT)], (200, "the flock is well\n")),
        ([rounds(), Stopping(at=AT, under_way=0, grace=10)], (503, "the flock is stopping\n")),
    ],
)
def test_healthz_says_in_words_what_is_wrong(
    metrics: Metrics, server: MetricsServer, events: list[Event], answer: tuple[int, str]
) -> None:
    """200 while the flock is well, and 503 otherwise."""
    tell(metrics, *events)

    assert answer == get(server, "/healthz")
    assert (answer[0], "") == get(server, "/healthz", "HEAD")


def test_a_shepherd_that_looks_no_more_is_stuck() -> None:
    """Its looks are ten seconds apart at most."""
    now = [0.0]
    metrics = Metrics(monotonic=lambda: now[0])
    tell(metrics, rounds())
    now[0] = 60.0
    assert "" == metrics.trouble()

    now[0] = 90.0

    assert "the shepherd is stuck: it has not looked at the flock for 1.5m" == metrics.trouble()


def test_other_paths_and_methods_are_refused(server: MetricsServer) -> None:
    """The page at the root says what there is."""
    assert (404, 405, 200) == (get(server, "/x")[0], get(server, "/metrics", "POST")[0], get(server, "/")[0])


def test_no_event_is_lost_while_many_threads_tell(metrics: Metrics, server: MetricsServer) -> None:
    """They only put it into a queue, which scrapes empty meanwhile."""

    def say() -> None:
        for number in range(2000):
            metrics(said(f"bot{number % 7}"))

    threads = [threading.Thread(target=say) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        samples(server)
    assert 16_000 == samples(server)["flock_posts_total outcome=said service=X"]


def test_what_nobody_counts_is_bounded(metrics: Metrics) -> None:
    """A flock whose shepherd is stuck, and that is not scraped, counts by itself."""
    for _ in range(25_000):
        metrics(said("ann"))

    counted = metrics.registry.get_sample_value("flock_posts_total", {"service": "X", "outcome": "said"})
    assert 20_000 < (counted or 0) < 25_000


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9109", ("127.0.0.1", 9109)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:9109", ("::1", 9109)),
        ("localhost:65535", ("localhost", 65_535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    """A port alone is on this machine only."""
    assert address == parse_address(text)


@pytest.mark.parametrize("text", ["", "x", "localhost", "1.2.3.4:65536", "::1:80", "http://x:80", "a b:80"])
def test_another_address_is_refused(text: str) -> None:
    """With what was expected."""
    with pytest.raises(BadOption, match="expected HOST:PORT or a PORT, such as 127"):
        parse_address(text)


def test_an_address_that_is_in_use_is_refused(metrics: Metrics, server: MetricsServer) -> None:
    """With the cause."""
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(BadOption, match=f"cannot listen on 127.0.0.1 port {port}: it is in use; choose"):
        MetricsServer(metrics, "127.0.0.1", port)
