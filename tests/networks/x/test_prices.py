"""What a post costs on X."""

import pytest

from flock.networks.x.prices import price


@pytest.mark.parametrize(
    ("text", "dollars"),
    [
        ("the fog comes", 0.015),
        ("on little cat feet.", 0.015),
        ("see https://example.com", 0.20),
        ("and so.in the end", 0.20),
    ],
)
def test_a_post_with_a_url_costs_more(text: str, dollars: float) -> None:
    """A full stop before a letter is enough where X sees a domain in it."""
    assert dollars == price(text)
