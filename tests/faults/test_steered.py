"""A flock that is told things and reads its keys anew, in bad weather, killed again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.steered import steer

KILLS = 5
SEED = 4


@pytest.mark.parametrize("network", ["X", "Mastodon"])
def test_commands_and_reloads_under_kills_cost_no_line(tmp_path: Path, network: str) -> None:
    """Each command is obeyed once: a line is left out or said again only where a bot was told so."""
    done = steer(network, tmp_path / "flock", kills=KILLS, seed=SEED)

    assert [] == done.wrong
    assert KILLS == done.kills
    assert done.done.total() > KILLS
