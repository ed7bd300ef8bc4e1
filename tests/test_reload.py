"""A folder of keys that changes while its flock is out: who joins, who leaves, and what the others go on with."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import simplejson as json

from flock.errors import Problem, RateLimited, Suspended, Unauthorized
from flock.events import Event, Events, PickedUp, PoemChanged, Reloaded, Renewed, Said, TemperamentChanged
from flock.haste import find_haste
from flock.journal import SqliteJournal, Verb
from flock.keys import Key, read_key
from flock.networks.scripted import ScriptedNetworks
from flock.options import Options
from flock.reload import Changes, Reload
from flock.sheep.keyfile import KeyFile
from flock.sheep.renewal import Renewal
from flock.sheep.sheep import Sheep
from flock.shepherd import Ending, Shepherd
from tests.conftest import until
from tests.test_shepherd import running
from tests.world import START, World

NAMES = ("ann", "ben", "cat")


def edit(sheep: Sheep, **fields: Any) -> None:
    """Write these fields into the sheep's key file; `...` takes one out."""
    key = {**json.loads(sheep.json_file.read_text()), **fields}
    sheep.json_file.write_text(json.dumps({name: value for name, value in key.items() if value is not ...}))


def poem(sheep: Sheep, *lines: str) -> None:
    """Write the sheep's poem."""
    sheep.key.poem_file.write_text("\n".join(lines))
    os.utime(sheep.key.poem_file, ns=(1, hash(lines) % 10**15))  # the clock may be too coarse for the test


def find(world: World, *flock: Sheep) -> Changes:
    """Return what has changed since the sheep were made."""

    def raise_sheep(key: Key) -> Sheep:
        return Sheep(key.file, 60, 600, key=key, context=world.context)

    def haste_of(key: Key) -> Problem | None:
        return find_haste(key, 60, 600, world.context.networks)

    return Reload(world.folder, world.context, raise_sheep, haste_of, lambda _: ()).find(flock)


def renew(world: World, sheep: Sheep) -> None:
    """Give the sheep what its file holds now, if that has changed, as the shepherd does."""
    for each, renewal in find(world, sheep).renewed:
        each.renew(renewal)
    sheep.attend()


class TestWhatHasChanged:
    """Reload.find."""

    def test_nothing(self, world: World) -> None:
        """Files that are touched are read, and say the same."""
        flock = [world.raise_sheep(name) for name in NAMES]
        for sheep in flock:
            os.utime(sheep.json_file, (1, 1))

        assert Changes([], [], [], 0) == find(world, *flock)

    def test_keys_come_and_go(self, world: World) -> None:
        """One is taken out, one is put in, and one is renamed: that is the same bot."""
        ann, ben, cat = (world.raise_sheep(name) for name in NAMES)
        ann.json_file.unlink()
        ben.json_file.rename(world.folder / "another.json")
        world.raise_sheep("dan")
        world.context.journal.release(["x:dan"])

        changes = find(world, ann, ben, cat)

        assert (["dan"], [ann], [ben]) == (
            [sheep.name for sheep in changes.added],
            changes.removed,
            [sheep for sheep, _ in changes.renewed],
        )

    def test_a_bad_file_is_named_and_its_bot_stays(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        """All bad files in one go; one of a bot that is not out is left out."""
        ann, ben, cat = (world.raise_sheep(name) for name in NAMES)
        ann.json_file.write_text("{")
        poem(ben)
        edit(cat, line_interval="soon", temperament="merry")
        (world.folder / "dan.json").write_text("[]")

        changes = find(world, ann, ben, cat)

        assert ([], [], [], 4) == (changes.added, changes.removed, changes.renewed, changes.bad)
        endings = [message.rpartition("; ")[2] for message in caplog.messages]
        assert ["its bot goes on as it was"] * 3 + ["left out"] == endings
        assert ["ann", "ben", "cat", "dan"] == [message.partition(".json")[0][-3:] for message in caplog.messages]
        assert "line_interval" in caplog.messages[2]
        assert "temperament" in caplog.messages[2]

    def test_a_key_with_an_interval_of_0_is_a_bad_file(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whether it is given such an interval, or a poem of one line, or is added; all are named in one go."""
        ann, ben, cat = (world.raise_sheep(name, poem_interval=0) for name in NAMES)
        edit(ann, line_interval=0)
        ann.json_file.rename(world.folder / "anna.json")  # its bot goes on all the same
        poem(ben, "all that is left")
        edit(cat, line_interval=1)
        world.raise_sheep("dan", line_interval=0)
        world.context.journal.release(["x:dan"])

        changes = find(world, ann, ben, cat)

        assert ([], [], [cat], 3) == (
            [*changes.added],
            [*changes.removed],
            [sheep for sheep, _ in changes.renewed],
            changes.bad,
        )
        for message, field, ending in zip(
            sorted(caplog.messages),
            ("anna.json: line_interval: 0", "ben.json: poem_interval: 0", "dan.json: line_interval: 0"),
            ("its bot goes on as it was", "its bot goes on as it was", "left out"),
            strict=True,
        ):
            assert field in message
            assert message.endswith(f"if you mean it; {ending}")

    @pytest.mark.parametrize("empty", [True, False])
    def test_a_folder_without_a_bot_changes_nothing(
        self, world: World, caplog: pytest.LogCaptureFixture, *, empty: bool
    ) -> None:
        """It is empty for a moment, while the files are exchanged; or none of them can be used."""
        flock = [world.raise_sheep(name) for name in NAMES]
        for sheep in flock:
            sheep.json_file.unlink()
        if not empty:
            (world.folder / "dan.json").write_text("[]")

        changes = find(world, *flock)

        assert ([], []) == ([*changes.added], [*changes.removed])
        assert any("the flock goes on as it was" in message for message in caplog.messages)

    def test_a_file_that_names_another_bot_is_another_bot(self, world: World) -> None:
        """The old one leaves, with its place; the new one begins at its own."""
        ann, ben = (world.raise_sheep(name) for name in NAMES[:2])
        edit(ann, screen_name="dan", oauth_token="dan-token")

        changes = find(world, ann, ben)

        assert ([ann], ["dan"]) == (changes.removed, [sheep.name for sheep in changes.added])

    def test_an_account_that_was_renamed_is_the_same_bot(self, world: World) -> None:
        """By its number; it goes on at its place, under its new name."""
        ann = world.raise_sheep("ann", lines=9, user_id="1001")
        world.live(70, ann)
        edit(ann, screen_name="anna")

        renew(world, ann)

        assert ("anna", 2, "x:ann") == (ann.name, ann.tot_tweet_tracker, ann.bot)

    def test_a_sheep_that_cannot_be_made_takes_no_share_of_the_flocks_posts(
        self, make_world: Callable[..., World]
    ) -> None:
        """The class of a user fails when the rest is done."""
        world = make_world(options=Options(flock_posts_per_day=20))
        world.raise_sheep("ann")

        def raise_sheep(key: Key) -> Sheep:
            Sheep(key.file, 60, 600, key=key, context=world.context)
            raise ZeroDivisionError

        world.anew()
        changes = Reload(world.folder, world.context, raise_sheep, lambda _: None, lambda _: ()).find([])

        assert [] == [*changes.added]
        assert world.context.allowance
        assert math.inf == world.context.allowance.share

    def test_a_bot_of_another_flock_is_left_out(
        self, make_world: Callable[..., World], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It was moved here, and that flock still runs it; the others that are added join."""
        journal, other = (SqliteJournal(tmp_path / "flock.db") for _ in range(2))
        world = make_world(journal=journal)
        ann = world.raise_sheep("ann")
        other.claim(["x:ben"])
        for name in ("ben", "cat"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Sheep, "__init__", lambda *_, **__: None)
                world.raise_sheep(name)

        changes = find(world, ann)
        assert (["cat"], 1) == ([sheep.name for sheep in changes.added], changes.bad)
        assert f"process {os.getpid()}" in caplog.text or "already runs ben" in caplog.text

        other.release(["x:ben"])
        assert ["ben"] == [sheep.name for sheep in find(world, ann, *changes.added).added]
        for each in (journal, other):
            each.close()


class TestWhatHoldsFromTheNextLineOn:
    """Sheep.renew."""

    def test_intervals(self, world: World) -> None:
        """The line that is due comes when it was due, and not later than by the new intervals."""
        sheep = world.raise_sheep(lines=9, line_interval="10m")
        world.live(10, sheep)
        edit(sheep, line_interval="30s", poem_interval="20s")
        renew(world, sheep)
        world.live(700, sheep)

        assert [0, 40, 70, 100] == [time - START for time in world.stage().times[:4]]
        assert [("line_interval", "poem_interval")] == [
            each.what for each in world.told(Renewed) if isinstance(each, Renewed)
        ]

    def test_a_cap(self, world: World) -> None:
        """It counts what was posted before; without one, the bot goes on."""
        sheep = world.raise_sheep(lines=100)
        world.live(130, sheep)
        edit(sheep, posts_per_day=4)
        renew(world, sheep)
        world.live(3600, sheep)
        assert 4 == len(world.stage().posts)

        edit(sheep, posts_per_day=...)
        renew(world, sheep)
        world.live(86400, sheep)
        assert len(world.stage().posts) > 5

    def test_tokens_lead_out_of_the_pen(self, world: World) -> None:
        """And a token that was refused gets as many tries as a new one."""
        sheep = world.raise_sheep(lines=9)
        world.stage().trouble = [Suspended("403")]
        world.live(1, sheep)
        edit(sheep, oauth_token="another")
        renew(world, sheep)
        world.live(1, sheep)
        assert ["dolly 0"] == world.stage().posts

        world.stage().always = Unauthorized("401")
        world.live(60, sheep)
        assert sheep.standing.strikes > 0
        edit(sheep, oauth_token="third")
        renew(world, sheep)
        assert 0 == sheep.standing.strikes

    def test_a_limit_is_waited_for_all_the_same(self, world: World) -> None:
        """Another interval is no reason to try sooner."""
        sheep = world.raise_sheep(lines=9)
        world.stage().trouble = [RateLimited("429")]
        world.live(1, sheep)
        edit(sheep, line_interval=1)
        renew(world, sheep)

        assert START + 900 == sheep.wake

    def test_an_edited_poem_is_followed(self, world: World) -> None:
        """A line that is put in before the place moves it; the next line in other words is said in these."""
        sheep = world.raise_sheep(lines=4)
        world.live(70, sheep)
        poem(sheep, "new", "dolly 0", "dolly 1", "dolly 2, softly", "dolly 3")
        renew(world, sheep)
        world.live(120, sheep)

        assert ["dolly 0", "dolly 1", "dolly 2, softly", "dolly 3"] == world.stage().posts
        assert [("poem",)] == [each.what for each in world.told(Renewed) if isinstance(each, Renewed)]
        assert 1 == len(world.told(PickedUp))

    def test_another_poem_begins_at_its_top(self, world: World) -> None:
        """With the next line, and that is told."""
        sheep = world.raise_sheep(lines=4)
        world.live(70, sheep)
        poem(sheep, "the moon has no opinion", "nor has the pond")
        renew(world, sheep)
        world.live(60, sheep)

        assert "the moon has no opinion" == world.stage().posts[2]
        assert [Renewed, PoemChanged] == [type(each) for each in world.events if not isinstance(each, Said)]

    @pytest.mark.parametrize("restarts", [True, False])
    def test_a_changed_temperament_is_called_that(self, world: World, *, restarts: bool) -> None:
        """The poem is the same, and the bot goes on in it, though no line of it is what it was."""
        lines = [f"{number} sheep went over the hill and came back by the mill" for number in range(9)]
        (world.folder / "dolly.txt").write_text("\n".join(lines))
        old = {"forget": 0.9, "mix_up": 0.9, "maturity": 1}
        sheep = world.raise_sheep(temperament=old, intervals=(60, 60))
        sheep.grow_to(5.4)
        sheep.beat()
        source = sheep.recitation.utterances[sheep.place.line].line
        edit(sheep, temperament={"forget": 0.2, "mix_up": 1, "maturity": 1})
        if restarts:
            world.anew()
            sheep = world.raise_sheep(intervals=(60, 60))
        else:
            renew(world, sheep)

        kinds = [type(each) for each in world.events if not isinstance(each, Said | Renewed)]
        assert [TemperamentChanged] == kinds
        assert source == sheep.recitation.utterances[sheep.place.line].line
        assert 5 == sheep.place.recitations

    def test_a_line_under_way_is_finished_as_it_was(self, world: World) -> None:
        """Its first post is out."""
        long = "a line " + "that is much too long for one post " * 20
        (world.folder / "dolly.txt").write_text(f"{long}\nbaa")
        sheep = world.raise_sheep()
        world.live(1, sheep)
        poem(sheep, f"{long} indeed", "baa")
        renew(world, sheep)
        world.live(80, sheep)

        assert "baa" == world.stage().posts[3]
        assert long.strip() == " ".join(world.stage().posts[:3]).replace("… ", " ")

    def test_what_cannot_be_used_after_all_changes_nothing(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The poem was taken away between the look and the change; interval and token are those of before, too."""
        sheep = world.raise_sheep(lines=9)
        world.live(10, sheep)
        edit(sheep, line_interval=1, oauth_token="another")
        renewal = Renewal(read_key(sheep.json_file), KeyFile(sheep.json_file))
        sheep.key.poem_file.unlink()
        sheep.renew(renewal)
        sheep.attend()
        world.live(120, sheep)

        assert [0, 60, 120] == [time - START for time in world.stage().times]
        assert ["dolly goes on as it was: no such file"] == [
            message.partition(":")[0] + ":" + message.split(":")[1] for message in caplog.messages
        ]
        assert "dolly-token" == sheep.params["oauth_token"]

    def test_a_command_is_obeyed_by_the_new_poem(self, world: World) -> None:
        """The file was edited and read anew before the bot was told."""
        sheep = world.raise_sheep(lines=4)
        poem(sheep, "new", "dolly 0", "dolly 1", "dolly 2", "dolly 3")
        for each, renewal in find(world, sheep).renewed:
            each.renew(renewal)
        world.journal.give([sheep.bot], Verb.FROM, 4, at=1.0)
        sheep.hear(world.journal.commands())
        sheep.attend()

        assert "dolly 2" == sheep.decide()


@pytest.fixture
def out(make_world: Callable[..., World], tmp_path: Path) -> World:
    """Return a world of three key files, with real time and a real journal; a line each hour."""
    world = make_world(journal=SqliteJournal(tmp_path / "state" / "flock.db"))
    for name in NAMES:
        world.raise_sheep(name, lines=100)
    world.journal.release([f"x:{name}" for name in NAMES])
    world.journal.close()
    return world


def send_out(world: World, heard: list[Event], line_interval: float = 3600, **more: Any) -> Shepherd:
    """Return a shepherd of the world's keys whose sheep post to scripted networks."""
    state = world.folder / "state" / "flock.db"
    options = Options(state=state, line_interval=line_interval, poem_interval=3600, **more)
    shepherd = Shepherd(world.folder, options=options, events=Events([heard.append]), environment={})
    networks = ScriptedNetworks(shepherd.context.options)
    shepherd.context.networks = networks
    world.stages = networks
    for sheep in shepherd.all_sheep:
        sheep.setup_api()
        sheep._delivery.network = sheep.api
    return shepherd


def reloaded(shepherd: Shepherd, heard: list[Event]) -> Reloaded:
    """Let the shepherd read the keys anew; return what it tells of that."""
    before = len([event for event in heard if isinstance(event, Reloaded)])
    shepherd.reload()
    until("the keys are read", lambda: len([each for each in heard if isinstance(each, Reloaded)]) > before)
    return [each for each in heard if isinstance(each, Reloaded)][-1]


def test_bots_join_and_leave_while_the_others_go_on(out: World) -> None:
    """Each in a thread of its own; one that leaves is free for another flock, and may come back."""
    heard: list[Event] = []
    shepherd = send_out(out, heard)
    with running(shepherd) as stop:
        until("all have posted", lambda: {"ann", "ben", "cat"} == {e.bot for e in heard if isinstance(e, Said)})
        away = out.folder / "away"
        away.mkdir()
        (out.folder / "ben.json").rename(away / "ben.json")
        template = json.loads((out.folder / "ann.json").read_text())
        for name in ("dan", "eve"):
            key = {**template, "screen_name": name, "oauth_token": f"{name}-token", "poem_file": "ann.txt"}
            (out.folder / f"{name}.json").write_text(json.dumps(key))

        first = reloaded(shepherd, heard)
        until("they have posted", lambda: {"dan", "eve"} <= {e.bot for e in heard if isinstance(e, Said)})
        until(
            "ben has left",
            lambda: (
                "ben" not in {thread.name for thread in threading.enumerate()}
                or not shepherd.herd.wait_for(["x:ben"])
            ),
        )
        with_another = SqliteJournal(out.folder / "state" / "flock.db")
        with_another.claim(["x:ben"])
        taken = reloaded(shepherd, heard)
        (away / "ben.json").rename(out.folder / "ben.json")
        still_taken = reloaded(shepherd, heard)
        with_another.close()
        back = reloaded(shepherd, heard)
        assert Ending.STOPPED is stop()

    assert (("dan", "eve"), ("ben",), 0, 0) == (first.added, first.removed, first.changed, first.bad)
    assert ((), (), 0, 0) == (taken.added, taken.removed, taken.changed, taken.bad)
    assert ((), 1) == (still_taken.added, still_taken.bad)
    assert ("ben",) == back.added
    assert 5 == len(shepherd.all_sheep) == len(shepherd.all_json)
    said = [event.bot for event in heard if isinstance(event, Said)]
    assert sorted([*NAMES, "dan", "eve"]) == sorted(said)  # no hour has passed, also for the one that came back


def test_the_end_waits_for_those_who_joined(out: World) -> None:
    """The flock of before has left altogether; its end is that of the others."""
    heard: list[Event] = []
    shepherd = send_out(out, heard)
    with running(shepherd) as stop:
        until("all have posted", lambda: len([e for e in heard if isinstance(e, Said)]) == 3)
        template = json.loads((out.folder / "ann.json").read_text())
        for name in NAMES:
            (out.folder / f"{name}.json").unlink()
        key = {**template, "screen_name": "dan", "oauth_token": "dan-token"}
        (out.folder / "dan.json").write_text(json.dumps(key))
        reloaded(shepherd, heard)
        until("dan has posted", lambda: "dan" in {e.bot for e in heard if isinstance(e, Said)})
        until("the others have left", lambda: not shepherd.herd.wait_for([f"x:{name}" for name in NAMES]))
        assert not shepherd.context.stop.is_set()
        assert Ending.STOPPED is stop()

    assert ["dan"] == [sheep.name for sheep in shepherd.all_sheep]


@pytest.mark.parametrize("is_meant", [False, True])
def test_no_reload_makes_a_flock_hasty_unless_its_operator_means_it(
    out: World, caplog: pytest.LogCaptureFixture, *, is_meant: bool
) -> None:
    """A key that is added without an interval takes that of the flock, which no other bot has used so far."""
    heard: list[Event] = []
    for name in NAMES:
        file = out.folder / f"{name}.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "line_interval": 3600}))
    shepherd = send_out(out, heard, line_interval=0, yes_really=is_meant)
    with running(shepherd) as stop:
        until("all have posted", lambda: {"ann", "ben", "cat"} == {e.bot for e in heard if isinstance(e, Said)})
        template = json.loads((out.folder / "ann.json").read_text())
        key = {**template, "screen_name": "dan", "oauth_token": "dan-token"}
        (out.folder / "dan.json").write_text(json.dumps({k: v for k, v in key.items() if k != "line_interval"}))

        found = reloaded(shepherd, heard)
        assert Ending.STOPPED is stop()

    expected = (("dan",), 0) if is_meant else ((), 1)
    assert expected == (found.added, found.bad)
    told = [
        message for message in caplog.messages if "line_interval: missing, and --line-interval 0 holds" in message
    ]
    assert (0 if is_meant else 1) == len(told)
