"""A practice server that lets people make keys, and a poem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from flock.keymaker import App, Keymaker
from flock.pasture import Pasture
from tests.keymaker.person import APP, Person


@pytest.fixture
def pasture() -> Iterator[Pasture]:
    """A practice server that knows an app, and no account."""
    with Pasture(()) as server:
        server.admit_app(APP[0], SecretStr(APP[1]))
        yield server


@pytest.fixture
def poem(tmp_path: Path) -> Path:
    """A poem of two lines."""
    file = tmp_path / "poem.txt"
    file.write_text("baa\nbaa again\n", encoding="utf-8")
    return file


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The folder of key files; it is not there yet."""
    return tmp_path / "keys"


@pytest.fixture
def app() -> App:
    """The app that the practice server knows."""
    key, secret = map(SecretStr, APP)
    return App(key, secret)


@pytest.fixture
def make(pasture: Pasture, keys: Path, app: App) -> Iterator[Callable[..., Keymaker]]:
    """Return a maker of Keymakers at the practice server, with its app; keywords replace arguments."""
    with ExitStack() as stack:

        def maker(person: Person | None = None, **parts: Any) -> Keymaker:
            chosen = {"base_url": pasture.url, "app": app, **parts}
            return stack.enter_context(Keymaker(chosen.pop("keys", keys), person, **chosen))

        yield maker
