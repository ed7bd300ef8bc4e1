"""Each network in bad weather, and a process that is killed again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.endtoend.conftest import recital
from tests.faults.stands import STANDS, outlive

BOTS, KILLS = 4, 3
SEED = 1978  # the kills are at the 13th, the 12th and the 23rd request


@pytest.mark.parametrize("network", STANDS)
def test_kills_in_bad_weather_cost_no_network_a_line(tmp_path: Path, network: str) -> None:
    """Each bot's posts are its poem, in order; no post replaces another one, and none that is settled comes again.

    On Bluesky and on Mastodon the owner deletes some posts, which are not brought back.
    """
    done = outlive(network, tmp_path / "flock", bots=BOTS, kills=KILLS, seed=SEED)

    assert [] == done.bad
    assert {bot: recital(done.poem, len(posts)) for bot, posts in done.said.items()} == done.said
    assert {"said"} == set(done.outcomes)
    assert not done.overwrites
    assert 0 == done.repeats
    assert all(done.met.values()), done.met
    assert done.can_delete == (done.deleted > 0)
