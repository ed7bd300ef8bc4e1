"""Shared by all tests: a quick hypothesis profile, a time limit, a clean environment, and key files."""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

settings.register_profile("flock", deadline=None, max_examples=60)
settings.load_profile("flock")

if TYPE_CHECKING:
    from tests.postgres import PostgresServer
    from tests.world import World

for _number in (
    signal.SIGINT,
    signal.SIGHUP,
):  # under `&` and nohup they are ignored, in each flock, too
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler)

TIMEOUT = 30.0  # seconds after which a test gives up: far more than anything takes
SOON = 10.0  # seconds for what takes a moment, on a busy machine; what it must not wait for takes longer

KEY = {
    "screen_name": "dolly",
    "consumer_token": "consumer-token-sesame",
    "consumer_token_secret": "consumer-secret-sesame",
    "oauth_token": "1001-token-sesame",
    "oauth_token_secret": "token-secret-sesame",
    "poem_file": "poem.txt",
}


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + TIMEOUT
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        pause.wait(0.002)


def runs(pid: int) -> bool:
    """Return whether there is such a process, and it has not ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def open_files(place: Path) -> int:
    """Return how many descriptors this process has open of that file, or of files in that folder, deleted or not.

    A count of all would change with threads that other tests have left.
    """
    return sum(
        target == str(place) or target.startswith(f"{place}/") or target == f"{place} (deleted)"
        for target in _targets_of_descriptors()
    )


def open_pipes() -> int:
    """Return how many ends of pipes this process has open."""
    return sum(target.startswith("pipe:") for target in _targets_of_descriptors())


def _targets_of_descriptors() -> Iterator[str]:
    gc.collect()  # pytest keeps the exceptions that it expected, and those their frames
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # another thread closed it
            yield str(descriptor.readlink())


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def surprises() -> list[str]:
    """Return the names of the environment variables that would change what a flock does.

    They are all those of flock itself, and those that name proxies, CA bundles and services of the system.
    """
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    others = ("NO_COLOR", "JOURNAL_STREAM", "STATE_DIRECTORY", "NOTIFY_SOCKET", "HURRY")
    return [
        name
        for name in os.environ
        if name.startswith("FLOCK_") or name.lower() in proxies or name in (*bundles, *others)
    ]


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """Keep the developer's own settings out of all tests, and out of the processes that they start."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in surprises():
            monkeypatch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:
    """Each test starts without such variables; one that is there was left behind by an earlier test."""
    assert [] == surprises()


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a test, or a command that it ran in this process, has set up for our own logs."""
    logger = logging.getLogger("flock")
    level, propagate, handlers = logger.level, logger.propagate, [*logger.handlers]
    yield
    logger.setLevel(level)
    logger.propagate, logger.handlers = propagate, handlers


@pytest.fixture
def write_key(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a good key file, private, with a poem beside it.

    Keywords replace fields; a field that is `...` is left out. Every token and secret holds the word "sesame".
    """

    def write(name: str = "dolly.json", **fields: Any) -> Path:
        tmp_path.joinpath("poem.txt").write_text("baa\nbaa again\n", encoding="utf-8")
        chosen = {field: value for field, value in {**KEY, **fields}.items() if value is not ...}
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(chosen), encoding="utf-8")
        file.chmod(0o600)
        return file

    return write


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    """Return a maker of worlds that share a folder of keys, for those that differ in their journal or options."""
    from tests.world import World

    return lambda **parts: World(tmp_path, **parts)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Return a world with an empty folder of keys."""
    return make_world()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a PostgreSQL server of this process' tests."""
    from tests.postgres import PostgresServer

    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
