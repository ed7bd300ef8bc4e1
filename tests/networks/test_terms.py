"""The file of prices and limits: it is read, each number has a source and a date."""

from __future__ import annotations

import re

import pytest

from flock.keys.credentials import CREDENTIALS
from flock.networks.terms import terms_of
from flock.networks.x.prices import links_in, price


def test_a_post_on_x_costs_what_the_file_says() -> None:
    prices = terms_of("x").price

    assert prices
    assert (0.015, 0.20) == (prices.post, prices.post_with_link)
    assert (prices.post, prices.post_with_link) == (price("baa."), price("baa, so.in the end"))


@pytest.mark.parametrize("network", ["x", "bluesky", "mastodon"])
def test_each_number_has_a_source_and_a_date(network: str) -> None:
    terms = terms_of(network)

    assert network in CREDENTIALS
    assert terms.limits
    found = [(limit.source, limit.checked) for limit in terms.limits]
    found += [(terms.price.source, terms.price.checked)] if terms.price else []
    for source, checked in found:
        assert source.startswith("https://")
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", checked)
    for limit in terms.limits:
        assert limit.posts > 0
        assert limit.seconds > 0
        assert limit.of in ("account", "app", "address")


def test_an_unknown_network_has_no_terms() -> None:
    assert (None, ()) == (terms_of("pigeons").price, terms_of("pigeons").limits)


def test_what_x_takes_for_a_link_is_named() -> None:
    assert ["so.in"] == links_in("I said so.in the end")
    assert ["https://example.com/a"] == links_in("see https://example.com/a")
    assert [] == links_in("A line. Another")
