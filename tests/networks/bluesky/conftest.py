"""What the tests of Bluesky's adapter share."""

from collections.abc import Iterator

import pytest

from tests.pds import House, open_house


@pytest.fixture
def house() -> Iterator[House]:
    """A running stand-in for Bluesky."""
    with open_house() as house:
        yield house
