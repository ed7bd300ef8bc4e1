"""What the tests share: a quick hypothesis profile, patience, an environment without surprises, and key files."""

import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("flock", deadline=None, max_examples=60)
settings.load_profile("flock")

PATIENCE = 30.0  # seconds after which a test gives up: far more than anything takes

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
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        pause.wait(0.002)


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own proxies, CA bundles and flock options out of the tests."""
    proxies = [f"{scheme}_proxy" for scheme in ("http", "https", "all", "no")]
    bundles = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
    others = ["NO_COLOR", "JOURNAL_STREAM", "STATE_DIRECTORY", "FLOCK_STATE"]
    for name in [*proxies, *map(str.upper, proxies), *bundles, *others]:
        monkeypatch.delenv(name, raising=False)


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
