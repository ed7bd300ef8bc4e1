"""What pages may show of texts that others wrote."""

from __future__ import annotations

import pytest

from flock.pages.texts import shown


@pytest.mark.parametrize(
    "text", ["\x1b[31m", "\x1b]0;t\x07", "\x9b1m", "\u202e", "\u2066\u2069", "\x00", "\u2028"]
)
def test_what_a_page_might_obey_is_replaced(text: str) -> None:
    """And the rest of the text stands."""
    found = shown(f"a\n{text}b")
    assert found.startswith("a\n\ufffd")
    assert found.endswith("b")
    assert text[0] not in found
