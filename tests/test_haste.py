"""Intervals of 0 are refused on a real network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flock.errors import BadKeys, BadOption
from flock.haste import find_haste
from flock.networks.scripted import ScriptedNetworks
from flock.options import Options, settle_options
from flock.poem import parse_say
from flock.shepherd import Shepherd
from tests.world import World


def shepherd_of(world: World, line_interval: float = 60, poem_interval: float = 600, **options: Any) -> Shepherd:
    """Return a shepherd of the world's keys, with those intervals and options."""
    world.options = settle_options(options, environment={})
    world.stages = ScriptedNetworks(world.options, world.clock)
    world.anew()
    return Shepherd(
        world.folder, line_interval, poem_interval, options=world.options, context=world.context, environment={}
    )


def test_a_line_interval_of_0_is_refused(world: World) -> None:
    world.raise_sheep("ann")
    world.raise_sheep("ben")

    with pytest.raises(
        BadOption, match=r"--line-interval 0: all lines .* at once on X .ann and 1 more.; .*--yes-really"
    ):
        shepherd_of(world, line_interval=0)


def test_every_key_file_with_an_interval_of_0_is_named(world: World) -> None:
    world.raise_sheep("ann", line_interval=0)
    world.raise_sheep("ben")
    world.raise_sheep("cat", line_interval=0)

    with pytest.raises(BadKeys) as caught:
        shepherd_of(world)

    assert [("ann", "line_interval"), ("cat", "line_interval")] == [
        (problem.file.stem, problem.field) for problem in caught.value.problems
    ]


def test_a_poem_of_one_line_has_only_its_rest(world: World) -> None:
    """No line follows another, so that the line interval does not matter; a rest of 0 would have no end."""
    world.raise_sheep("ann", lines=1)

    assert shepherd_of(world, line_interval=0).all_sheep
    with pytest.raises(BadOption, match="--poem-interval 0: a poem of one line would be posted without end"):
        shepherd_of(world, poem_interval=0)


def test_a_rest_of_0_is_a_poem_in_a_ring(world: World) -> None:
    world.raise_sheep("ann")

    assert shepherd_of(world, poem_interval=0).all_sheep


@pytest.mark.parametrize("option", ["yes_really", "dry_run", "pasture"])
def test_practice_is_free_to_and_so_is_an_operator_who_means_it(world: World, option: str) -> None:
    world.raise_sheep("ann")

    assert shepherd_of(world, line_interval=0, **{option: True}).all_sheep


@pytest.mark.parametrize("say", ["lines", "stanzas"])
def test_a_poem_of_one_stanza_is_one_text_if_it_is_said_so(world: World, say: str) -> None:
    """Then its rest is what counts; whether the key says so, or the flock."""
    sheep = world.raise_sheep("ann", poem_interval=0)

    found = find_haste(sheep.key, 60, 600, world.context.networks, Options(poem_format=parse_say(say)))
    by_key = find_haste(replace(sheep.key, say=parse_say(say)), 60, 600, world.context.networks)

    assert (say == "stanzas", found) == (found is not None, by_key)


def test_a_schedule_is_never_hasty(world: World) -> None:
    """Its times are a minute apart at least, whatever the intervals are: at the start, and at a reload."""
    sheep = world.raise_sheep("ann", line_interval=0, poem_interval=0, schedule="* * * * *")

    shepherd = shepherd_of(world)

    assert ["ann"] == [each.name for each in shepherd.all_sheep]
    assert None is find_haste(sheep.key, 0, 0, world.context.networks)


@pytest.mark.parametrize(
    ("hours", "fields", "is_hasty"),
    [
        ({"schedule": "* * * * *"}, {}, False),
        ({"schedule": "* * * * *"}, {"line_interval": 0}, True),
        ({"poem_schedule": "* * * * *"}, {}, True),
        ({"awake": "08:00-23:00"}, {}, True),
        ({"schedule": "0 3 * * *", "awake": "08:00-23:00"}, {}, False),
    ],
)
def test_a_schedule_among_the_options_counts_at_a_reload_as_at_the_start(
    world: World, hours: dict[str, str], fields: dict[str, Any], *, is_hasty: bool
) -> None:
    """In place of intervals that the key file does not give. Hours that cannot be kept are told of as such."""
    key = world.raise_sheep("ann", **fields).key

    found = find_haste(key, 0, 0, world.context.networks, settle_options(hours, environment={}))

    assert is_hasty == (found is not None)
