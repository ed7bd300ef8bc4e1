"""What a flock says of its costs before it goes out."""

from __future__ import annotations

from typing import Any

from flock.cli.run import first_lines
from flock.networks.scripted import ScriptedNetworks
from flock.options import settle_options
from flock.shepherd import Shepherd
from tests.world import World

MASTODON: dict[str, Any] = {
    **dict.fromkeys(["consumer_token", "consumer_token_secret", "oauth_token", "oauth_token_secret"]),
    "network": "mastodon",
    "server": "https://botsin.example",
    "access_token": "token",
}


def lines_of(world: World, **options: Any) -> list[str]:
    """Return the first lines of a flock with the default intervals."""
    world.options = settle_options(options, environment={})
    world.stages = ScriptedNetworks(world.options, world.clock)
    world.anew()
    shepherd = Shepherd(world.folder, 30, 5400, options=world.options, context=world.context, environment={})
    return [*first_lines(shepherd)]


def test_bots_on_x_have_a_price(world: World) -> None:
    """Twelve bots of 15 lines: 222.7 posts a day each, at 1.5 cents."""
    for number in range(12):
        world.raise_sheep(f"bot{number:02}", lines=15)

    assert ["12 bots on X: about 2,670 posts and $40.08 a day, $1,202 in 30 days"] == lines_of(world)


def test_caps_are_told_with_what_it_would_be_without(world: World) -> None:
    world.raise_sheep("ann", lines=15)
    world.raise_sheep("ben", lines=15, posts_per_day=10)

    expected = (
        "about 30 posts and $0.45 a day, $13.50 in 30 days, capped (without a cap 445 posts and $6.68 a day)"
    )
    assert [f"2 bots on X: {expected}"] == lines_of(world, posts_per_day=20)
    expected = "about 20 posts and $0.30 a day, $9.00 in 30 days, capped (without a cap 445 posts and $6.68 a day)"
    assert [f"2 bots on X: {expected}"] == lines_of(world, flock_posts_per_day=20)


def test_who_posts_where_is_told_when_there_is_more_than_one_place(world: World) -> None:
    for name in ("ann", "ben", "cat", "dan", "eve"):
        world.raise_sheep(name, lines=15)
    world.raise_sheep("dolly", **MASTODON)

    first, second, third = lines_of(world)

    assert "ann, ben, cat and 2 more post to X" == first
    assert "dolly posts to Mastodon at botsin.example" == second
    assert third.startswith("5 bots on X: about 1,110 posts and $16.70 a day")


def test_free_networks_and_practice_have_no_price(world: World) -> None:
    world.raise_sheep("dolly", **MASTODON)
    assert [] == lines_of(world)

    world.raise_sheep("ann")
    assert [] == lines_of(world, pasture=True)
    assert [] == lines_of(world, dry_run=True)
