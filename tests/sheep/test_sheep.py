"""A sheep's life: what it says and when, and how it picks up where it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flock.errors import BadKeys, BadPoem, Suspended
from flock.events import Birthday, PickedUp, PoemChanged, Said, Stumbled
from flock.journal import SqliteJournal
from flock.networks.base import Intent, Reply
from flock.observers.wording import describe
from flock.options import Options
from flock.sheep.sheep import Sheep
from flock.shepherd import Shepherd
from flock.temperament import TEMPERAMENTS, Recitation, Utterance
from tests.conftest import TIMEOUT
from tests.world import START, World

NAMES = ("ann", "ben", "cat", "dan")


def test_it_says_its_poem_line_by_line_and_starts_over(world: World) -> None:
    """Lines come a line interval apart; after the last comes the poem interval."""
    sheep = world.raise_sheep(lines=3)

    world.live(1000, sheep)

    assert ["dolly 0", "dolly 1", "dolly 2", "dolly 0", "dolly 1", "dolly 2"] == world.stage().posts[:6]
    assert [0, 60, 120, 720, 780, 840] == [time - START for time in world.stage().times[:6]]


def test_a_thousand_lines_later_it_is_not_late(world: World) -> None:
    """Due times are anchored: what each line takes does not add up."""

    class SlowSheep(Sheep):
        def decide(self) -> str:
            world.clock.advance_to(world.clock.now() + 0.7)
            return f"{self.tot_tweet_tracker}"

    sheep = world.raise_sheep(lines=2000, kind=SlowSheep)

    world.live(60 * 1000, sheep)

    assert [START + 60 * n + 0.7 for n in range(1000)] == pytest.approx(world.stage().times[:1000])


def test_a_sheep_that_is_late_by_more_than_an_interval_goes_on_from_now(world: World) -> None:
    """After an outage of an hour comes one line, and the next an interval later: no burst."""
    sheep = world.raise_sheep(lines=100)
    world.live(90, sheep)
    world.clock.advance_to(START + 3600)

    world.live(130, sheep)

    assert [0, 60, 3600, 3660, 3720] == [time - START for time in world.stage().times]
    assert [f"dolly {line}" for line in range(5)] == world.stage().posts


def test_a_sheep_that_is_a_little_late_keeps_its_times(world: World) -> None:
    """Late by less than an interval, the next line is due when it always was."""
    sheep = world.raise_sheep(lines=100)
    world.live(0, sheep)
    world.clock.advance_to(START + 85)

    world.live(60, sheep)

    assert [0, 85, 120] == [time - START for time in world.stage().times]


def test_it_ages_by_recitations(world: World) -> None:
    """Age is whole poems and the fraction of the present one; a finished poem is a birthday."""
    sheep = world.raise_sheep(lines=4)

    world.live(130, sheep)
    assert (0.75, 3, 3) == (sheep.age, sheep.tot_tweet_tracker, sheep.mod_tweet_tracker)

    world.live(60, sheep)
    assert (1.0, 4, 0) == (sheep.age, sheep.tot_tweet_tracker, sheep.mod_tweet_tracker)
    assert [1] == [event.age for event in world.told(Birthday) if isinstance(event, Birthday)]


@pytest.mark.parametrize("hours", [1, -1])
def test_setting_the_clock_makes_no_burst_and_no_stall(world: World, hours: int) -> None:
    """The machine's clock is set by an hour: the lines come as before."""
    sheep = world.raise_sheep(lines=100)
    world.live(130, sheep)

    world.clock.skew = hours * 3600
    world.live(120, sheep)

    assert [0, 60, 120, 180, 240] == [time - START for time in world.stage().times]


@pytest.mark.parametrize(("hours", "times"), [(1, [130, 190, 250]), (-1, [190, 250])])
def test_a_clock_set_between_two_runs_costs_an_interval_at_most(
    world: World, hours: int, times: list[float]
) -> None:
    """Set forward, the next line comes at once. Set back, it comes an interval later at most."""
    world.live(130, world.raise_sheep(lines=100, intervals=(60, 60)))
    world.clock.skew = hours * 3600
    world.anew()

    world.live(121, world.raise_sheep(lines=100, intervals=(60, 60)))

    assert times == [time - START for time in world.stage().times[3:]]


def test_a_clock_set_back_costs_cron_an_interval_at_most(world: World) -> None:
    """Each run is a process of its own, which must not wait for a time that only the old clock had."""
    for minute in range(6):
        world.clock.advance_to(START + 60 * minute)
        world.clock.skew = -3600 if minute > 2 else 0
        world.anew()
        if (sheep := world.raise_sheep(lines=100, intervals=(60, 60))).is_due():
            sheep.beat()

    assert [0, 60, 120, 240, 300] == [time - START for time in world.stage().times]


def test_a_restart_keeps_place_age_and_due_time(make_world: Callable[..., World], tmp_path: Path) -> None:
    """A new process goes on with the next line, when it was due."""
    world = make_world(journal=SqliteJournal(tmp_path / "flock.db"))
    world.live(130, world.raise_sheep(lines=4))
    world.journal.close()
    world.journal = SqliteJournal(tmp_path / "flock.db")
    world.anew()

    sheep = world.raise_sheep(lines=4)
    assert (0.75, 3, 3, 50) == (
        sheep.age,
        sheep.tot_tweet_tracker,
        sheep.mod_tweet_tracker,
        round(sheep.due - world.clock.now()),
    )
    world.live(60, sheep)
    world.journal.close()

    assert [f"dolly {line}" for line in range(4)] == world.stage().posts


@pytest.mark.parametrize("restarted_at", [100, 1300])
def test_a_rest_that_a_temperament_lengthened_is_kept_over_a_restart(
    make_world: Callable[..., World], restarted_at: float
) -> None:
    """A bored sheep pauses for 20 line intervals and rests for ten poem intervals: neither is cut to one."""

    def bored(poem: tuple[str, ...], recitation: int, seed: int) -> Recitation:
        return Recitation([Utterance(line, place, pause=20.0) for place, line in enumerate(poem)], rest=10.0)

    world = make_world(options=Options(temperament=bored))
    world.live(restarted_at, world.raise_sheep(lines=2, intervals=(60, 600)))
    world.anew()
    world.live(9000 - restarted_at, world.raise_sheep(lines=2, intervals=(60, 600)))

    assert [0, 1200, 7200, 8400] == [time - START for time in world.stage().times]


def test_a_half_said_line_is_finished_after_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tweets of a long line that are out are not said again, even when the poem was edited since."""
    (world.folder / "dolly.txt").write_text(" ".join(f"word{number}" for number in range(120)))
    sheep = world.raise_sheep()
    world.live(60, sheep)
    whole = list(world.stage().posts)
    world.stage().posts.clear()
    world.clock.advance_to(sheep.due)

    class Crash(BaseException):
        """The end of the process."""

    def crash_after_two(post: Callable[[str, Intent], Any]) -> Callable[[str, Intent], Any]:
        def crashing(text: str, intent: Intent) -> Any:
            if len(world.stage().posts) == 2:
                raise Crash
            return post(text, intent)

        return crashing

    stage = world.stage()
    monkeypatch.setattr(stage, "post", crash_after_two(stage.post))
    with pytest.raises(Crash):
        world.live(60, sheep)
    monkeypatch.undo()
    (world.folder / "dolly.txt").write_text("something else\nand more")
    world.anew()
    world.live(60, world.raise_sheep())

    assert len(whole) > 3
    assert whole == world.stage().posts[: len(whole)]


@pytest.mark.parametrize("thread", [None, "line", "recitation", "none"])
def test_the_posts_of_a_line_or_of_a_poem_answer_each_other(world: World, thread: str | None) -> None:
    """As the key says; by default those of one line. Each recitation begins a thread of its own, also after a
    restart."""
    long = " ".join(f"word{number}" for number in range(60))
    (world.folder / "dolly.txt").write_text(f"one\n{long}\nthree\n")
    for _ in range(2):
        sheep = world.raise_sheep(intervals=(60, 600), thread=thread)
        world.live(100, sheep)
        world.anew()
    world.live(700, world.raise_sheep(intervals=(60, 600), thread=thread))
    answering = [intent.reply_to for intent in world.stage().intents if intent]
    expected = {
        "line": [None, None, Reply("2", "2"), None, None],
        "recitation": [None, Reply("1", "1"), Reply("2", "1"), Reply("3", "1"), None],
        "none": [None] * 5,
    }
    assert expected[thread or "line"] == answering[:5]


@pytest.mark.parametrize(("line_interval", "seconds"), [(60, 3.0), (1, 1.0), (0, 0.0)])
def test_the_posts_of_one_line_are_no_burst(world: World, line_interval: float, seconds: float) -> None:
    """They keep three seconds between them, or the line's interval if that is shorter."""
    (world.folder / "dolly.txt").write_text(" ".join(f"word{number}" for number in range(120)))
    world.live(20, world.raise_sheep(intervals=(line_interval, 600)))
    times = world.stage().times
    assert len(times) > 3
    assert [seconds] * (len(times) - 1) == [after - before for before, after in pairwise(times)]


def test_an_edited_poem_is_picked_up_at_the_same_line(world: World) -> None:
    """Two lines were added at the beginning: the sheep goes on at its line, and an event says so."""
    world.live(130, world.raise_sheep(lines=5))
    lines = ["new", "newer", *(f"dolly {line}" for line in range(5))]
    (world.folder / "dolly.txt").write_text("\n".join(lines))
    world.anew()

    sheep = world.raise_sheep()

    assert "dolly 3" == sheep.decide()
    assert [5] == [event.line for event in world.told(PickedUp) if isinstance(event, PickedUp)]


def test_another_poem_is_begun_at_its_top_and_that_is_said(world: World) -> None:
    """Two poems in turn, in one file: each starts with its first line."""
    poem = world.folder / "dolly.txt"
    poems = [[f"{name} {line} of many" for line in range(5)] for name in ("wolves", "shepherds")]
    for number in range(4):
        poem.write_text("\n".join(poems[number % 2]))
        world.live(179, world.raise_sheep())
        world.anew()

    said = [text for number in range(4) for text in poems[number % 2][:3]]
    assert said == world.stage().posts
    assert [f"{name} 0 of many" for name in ("shepherds", "wolves", "shepherds")] == [
        event.text for event in world.told(PoemChanged) if isinstance(event, PoemChanged)
    ]
    assert "begins at its top: shepherds 0 of many" in describe(world.told(PoemChanged)[0])
    assert [] == world.told(PickedUp)


def test_a_line_rewritten_in_an_edited_poem_is_said_after_the_one_before_it(world: World) -> None:
    """The next line was rewritten, and a line was added above: the line said last is not said again."""
    world.live(130, world.raise_sheep(lines=5))
    lines = ["new", "dolly 0", "dolly 1", "dolly 2", "wholly rewritten", "dolly 4"]
    (world.folder / "dolly.txt").write_text("\n".join(lines))
    world.anew()

    assert "wholly rewritten" == world.raise_sheep().decide()


def test_a_bug_in_one_sheep_does_not_disturb_another(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """An exception in a subclass is logged once with its traceback; the sheep backs off, the others go on."""

    class BrokenSheep(Sheep):
        def decide(self) -> str:
            raise ZeroDivisionError("counted the clouds")

    broken = world.raise_sheep("broken", kind=BrokenSheep)
    sound = world.raise_sheep("sound")

    world.live(600, broken, sound)

    assert 4 == len(world.stage("sound").posts)
    assert [] == world.stage("broken").posts
    assert len(world.told(Stumbled)) > 3
    assert 1 == sum("counted the clouds" in record.message for record in caplog.records)


def test_a_subclass_may_post_by_itself(world: World) -> None:
    """It moves its own trackers, as bots of the original article do; the intervals hold all the same."""

    class OldSheep(Sheep):
        def tweet_something(self) -> None:
            self.api.post(self.memory[self.mod_tweet_tracker])
            self.tot_tweet_tracker += 1
            self.mod_tweet_tracker = self.tot_tweet_tracker % len(self.memory)

    sheep = world.raise_sheep(kind=OldSheep, lines=2)

    world.live(700, sheep)

    assert [0, 60, 660] == [time - START for time in world.stage().times]
    assert ["dolly 0", "dolly 1", "dolly 0"] == world.stage().posts


def test_a_temperament_may_leave_out_a_pause(make_world: Callable[..., World]) -> None:
    """Two lines without a pause come at once, and the schedule stays the sheep's own."""

    def breathless(poem: tuple[str, ...], recitation: int, seed: int) -> Recitation:
        return Recitation([Utterance(line, place, pause=place % 2) for place, line in enumerate(poem)])

    world = make_world(options=Options(temperament=breathless))

    world.live(130, world.raise_sheep(lines=9))

    assert [0, 0, 60, 60, 120, 120] == [time - START for time in world.stage().times]


def test_bots_of_one_name_on_two_networks_are_told_apart(make_world: Callable[..., World]) -> None:
    """Their names in the log differ, and so do their random numbers; the bot on X keeps those that it had."""
    world = make_world(options=Options(temperament=TEMPERAMENTS["senile"]))
    alone = world.raise_sheep("dolly", lines=30)
    practising = world.raise_sheep("aaa", lines=30, screen_name="dolly", network="pasture", oauth_token="other")
    world.anew()

    flock = {sheep.bot: sheep for sheep in Shepherd(world.folder, context=world.context).all_sheep}

    assert {"x:dolly": "dolly", "pasture:dolly": "pasture:dolly"} == {
        bot: sheep.name for bot, sheep in flock.items()
    }
    assert alone.seed == flock["x:dolly"].seed != flock["pasture:dolly"].seed
    assert practising.bot == "pasture:dolly"


def rename(world: World, new: str) -> None:
    """Give dolly's account another name, as its operator does in the key file."""
    file = world.folder / "dolly.json"
    file.write_text(file.read_text().replace('"dolly"', f'"{new}"'))


@pytest.mark.parametrize("known_by", [{"user_id": "1001"}, {"oauth_token": "1001-token"}])
def test_a_renamed_account_goes_on(make_world: Callable[..., World], known_by: dict[str, Any]) -> None:
    """With its place, its age and its random numbers: a bot is its account, not its name."""
    world = make_world(options=Options(temperament=TEMPERAMENTS["senile"]))
    sheep = world.raise_sheep(lines=30, **known_by)
    world.live(150, sheep)
    rename(world, "molly")
    world.anew()

    renamed = Sheep(sheep.json_file, 60, 600, context=world.context)

    assert ("molly", sheep.bot, sheep.seed) == (renamed.name, renamed.bot, renamed.seed)
    assert (sheep.place.line, sheep.place.n) == (renamed.place.line, renamed.place.n) == (3, 3)
    assert [] == world.told(PickedUp)


def test_an_account_that_takes_the_old_name_of_another_is_a_bot_of_its_own(world: World) -> None:
    """It has said nothing yet; the renamed account keeps its place, whichever starts first."""
    sheep = world.raise_sheep(lines=30, oauth_token="1001-token")
    world.live(150, sheep)
    rename(world, "molly")
    sheep.json_file.rename(world.folder / "molly.json")
    world.anew()
    world.raise_sheep("dolly", oauth_token="1002-other")
    world.anew()

    flock = {sheep.name: sheep for sheep in Shepherd(world.folder, context=world.context).all_sheep}

    assert {"dolly": 0, "molly": 3} == {name: each.place.n for name, each in flock.items()}
    assert {"x:dolly (1002)", "x:dolly"} == {each.bot for each in flock.values()}


def test_a_penned_bot_may_be_renamed(world: World) -> None:
    """Its key file gets a new token and the new name at once; events have the new name from then on."""
    sheep = world.raise_sheep(oauth_token="1001-token")
    world.stage().trouble = [Suspended("403")]
    world.live(60, sheep)

    rename(world, "molly")
    world.live(60, sheep)

    assert ["molly"] == [event.bot for event in world.told(Said)]


def test_intervals_in_the_key_file_override_the_flocks(world: World) -> None:
    """Both of them, in any unit."""
    sheep = world.raise_sheep(line_interval="2m", poem_interval=7)

    assert (120.0, 7.0) == (sheep.line_interval, sheep.poem_interval)


def test_params_are_the_key_file_and_keep_their_secrets(world: World) -> None:
    """`params` reads like the article's dictionary, and prints no value."""
    sheep = world.raise_sheep(motto="baa")

    assert ("dolly-secret", "baa") == (sheep.params["oauth_token_secret"], sheep.params["motto"])
    assert "secret" not in repr(sheep.params).replace("_secret=", "") + repr(sheep) + repr(sheep.key)


def test_a_missing_key_and_a_missing_poem_are_bad_input(world: World) -> None:
    """A sheep made by hand says what is wrong with what it was given."""
    with pytest.raises(BadKeys, match="cannot be read"):
        Sheep(world.folder / "nobody.json", 60, 600, context=world.context)
    with pytest.raises(BadPoem, match="no such file"):
        world.raise_sheep(poem_file="nowhere.txt")


def test_a_sheep_can_be_given_a_key_that_was_read_already(world: World) -> None:
    """The file is not read a second time."""
    key = world.raise_sheep().key
    key.file.unlink()

    assert key is Sheep(key.file, 60, 600, key=key, context=world.context).key


def test_sheep_made_by_hand_share_one_context(world: World) -> None:
    """One journal, one pasture and one stop event for the process, also where two threads make them at once."""
    for name in NAMES:
        world.raise_sheep(name)
    program = """
import sys
from concurrent.futures import ThreadPoolExecutor
from flock import Sheep

with ThreadPoolExecutor(4) as pool:
    flock = list(pool.map(lambda file: Sheep(file, 30, 5400), sys.argv[1:]))
print(len({id(sheep.context) for sheep in flock}), flock[0].context.options.seed)
flock[0].context.close()
"""
    environment = {
        **os.environ,
        "FLOCK_STATE": str(world.folder / "flock.db"),
        "FLOCK_PASTURE": "1",
        "FLOCK_SEED": "7",
    }
    files = [world.folder / f"{name}.json" for name in NAMES]

    done = subprocess.run(
        [sys.executable, "-c", program, *files],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )

    assert ("1 7\n", "") == (done.stdout, done.stderr)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pauses=st.lists(st.floats(0, 5000), max_size=20))
def test_a_process_that_hangs_now_and_then_posts_no_burst(
    tmp_path_factory: pytest.TempPathFactory, pauses: list[float]
) -> None:
    """After a line that was late by less than an interval, the next one comes that much sooner, and no other."""
    world = World(tmp_path_factory.mktemp("keys"))
    sheep = world.raise_sheep(lines=1000, intervals=(60, 60))
    for pause in pauses:
        world.live(120, sheep)
        world.clock.advance_to(world.clock.now() + pause)
    world.live(600, sheep)

    times = world.stage().times
    said = [event.late for event in world.told(Said) if isinstance(event, Said)]
    for before, later, late in zip(times, times[1:], said, strict=False):
        assert later - before >= min(60, 60 - late if late < 60 else 60) - 1e-3
