"""The tests of pages in a browser. Without Chromium they are not collected, and CI must have it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.browser.pages import Shown, shown
from tests.chromium import DRIVER, PROGRAM, chromium

collect_ignore_glob: list[str] = []
if not (PROGRAM and DRIVER):
    if os.environ.get("CI"):
        raise pytest.UsageError("no chromium and chromedriver on this machine: .ci/chromium installs them")
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def browse(tmp_path: Path) -> Iterator[Callable[..., Chrome]]:
    """Return a function that starts a browser; its arguments are those of `chromium`."""
    with ExitStack() as stack:

        def start(**chosen: Any) -> Chrome:
            return stack.enter_context(chromium(tmp_path / "chromium", **chosen))

        yield start


@pytest.fixture
def flock(tmp_path: Path, write_key: Callable[..., Path]) -> Iterator[Shown]:
    """A flock of five bots, and its page."""
    with shown(tmp_path, write_key, ("dolly", "shaun", "timmy", "shirley", "nuts")) as page:
        yield page
