"""What a sheep does about what a network answers."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import simplejson as json

from flock.errors import (
    AppRefused,
    ClockWrong,
    DailyLimit,
    Duplicate,
    JournalError,
    Locked,
    LooksAutomated,
    NetworkError,
    NotPermitted,
    OutcomeUnknown,
    OutOfCredits,
    Pen,
    RateLimited,
    Refused,
    Revoked,
    Suspended,
    TooLong,
    Unauthorized,
    Unavailable,
    Wait,
)
from flock.events import (
    BackingOff,
    Birthday,
    Penned,
    Released,
    Said,
    Silenced,
    Skipped,
    SpeaksAgain,
    Stumbled,
    Unsure,
    Waiting,
)
from flock.herd import Herd
from flock.journal import MemoryJournal, Place, Settlement, SqliteJournal
from flock.networks.base import Intent
from flock.networks.scripted import ScriptedNetwork
from flock.observers.wording import describe
from flock.options import Options
from flock.sheep.sheep import Sheep
from tests.world import START, World


def test_a_rate_limit_is_waited_out_until_its_reset(world: World) -> None:
    """No request before the reset; the line that was refused comes first, and the waiting is told once."""
    sheep = world.raise_sheep(lines=100)
    world.live(0, sheep)
    world.stage().trouble += [RateLimited("slow down", until=START + 1000)] * 2

    world.live(2000, sheep)

    assert not [time for time in world.stage().tries if START + 60 < time < START + 1000]
    assert ["dolly 0", "dolly 1", "dolly 2"] == world.stage().posts[:3]
    assert 1 == len(world.told(Waiting))


@pytest.mark.parametrize("kind", [DailyLimit, LooksAutomated, OutOfCredits])
def test_a_limit_without_a_reset_is_waited_out_for_hours(world: World, kind: type[Wait]) -> None:
    """A daily limit or an empty purse costs a request every few hours, and one line in the log."""
    sheep = world.raise_sheep()
    sheep_stage = world.stage()
    sheep_stage.always = kind("come back later")

    world.live(86400, sheep)

    assert 2 <= len(sheep_stage.tries) <= 12
    assert 1 == len(world.told(Waiting))


def test_a_post_without_an_answer_is_looked_for_ten_seconds_after_it_was_sent(world: World) -> None:
    """What is told is what is waited for."""
    sheep = world.raise_sheep()
    world.stage().trouble = [OutcomeUnknown("no answer")]

    world.live(9.9, sheep)
    assert (1, []) == (len(world.stage().tries), world.stage().asked)
    assert [10.0] == [event.seconds for event in world.told(BackingOff) if isinstance(event, BackingOff)]

    world.live(0.2, sheep)
    assert (2, 1, ["dolly 0"]) == (len(world.stage().tries), len(world.stage().asked), world.stage().posts)


@pytest.mark.parametrize("seconds", [0, 4])
def test_a_daemon_that_starts_anew_looks_no_sooner(world: World, seconds: float) -> None:
    """It was killed: nothing tells how the post fared but the intent."""
    first = world.raise_sheep()
    world.stage().trouble = [OutcomeUnknown("no answer")]
    first.beat()
    world.clock.advance_to(START + seconds)
    world.anew()

    sheep = world.raise_sheep()
    sheep.start_afresh()

    assert START + 10 == sheep.wake


@pytest.mark.parametrize(("skew", "looks_at"), [(0, 10), (3600, 1), (-3600, 11)])
def test_runs_of_cron_leave_the_look_to_a_later_one(world: World, skew: float, looks_at: float) -> None:
    """Each run ends at once. Where the clock was set back, the ten seconds count from the first run after it."""
    sheep = world.raise_sheep()
    world.stage().trouble = [OutcomeUnknown("no answer")]
    sheep.beat()
    world.clock.skew = skew

    for second in range(1, 13):
        world.clock.advance_to(START + second)
        world.anew()
        sheep = world.raise_sheep()
        if sheep.is_due():
            break
    else:
        pytest.fail("it is never due")

    assert looks_at == second
    sheep.beat()
    assert (["dolly 0"], 1) == (world.stage().posts, len(world.stage().asked))


def test_a_call_of_the_shepherd_does_not_hasten_the_look(world: World) -> None:
    """A sheep that waits is called at once by a SIGHUP."""
    sheep = world.raise_sheep()
    world.stage().trouble = [OutcomeUnknown("no answer")]
    sheep.beat()

    sheep.beat()
    assert (1, []) == (len(world.stage().tries), world.stage().asked)
    world.live(10, sheep)

    assert ["dolly 0"] == world.stage().posts


@pytest.mark.parametrize("kind", [Unavailable, OutcomeUnknown])
def test_a_network_that_fails_is_tried_less_and_less_often(world: World, kind: type[NetworkError]) -> None:
    """The pauses grow from a second to a quarter of an hour; the line is kept."""
    sheep = world.raise_sheep()
    world.stage().always = kind("503")
    world.live(86400, sheep)
    tries = world.stage().tries
    world.stage().always = None
    world.live(901, sheep)

    pauses = [later - before for before, later in itertools.pairwise(tries)]
    assert pauses[0] == (10 if kind is OutcomeUnknown else pytest.approx(1.5, abs=1))  # it may be on its way
    assert max(pauses) == pytest.approx(900)
    assert len(tries) < 120
    assert "dolly 0" == world.stage().posts[0]


@pytest.mark.parametrize("error", [TooLong("186"), Duplicate("187"), Refused("no")])
def test_a_text_that_is_refused_is_skipped(world: World, error: NetworkError) -> None:
    """The sheep says so and goes on with its next line, in time."""
    sheep = world.raise_sheep(lines=10)
    world.stage().trouble = [None, error]

    world.live(130, sheep)

    assert ["dolly 0", "dolly 2"] == world.stage().posts
    assert [START, START + 120] == world.stage().times
    assert ["dolly 1"] == [event.text for event in world.told(Skipped) if isinstance(event, Skipped)]


def test_a_recitation_of_which_nothing_was_said_is_no_birthday(world: World) -> None:
    """A poem of one line, which the network takes once in ten times: a birthday counts what was heard."""
    sheep = world.raise_sheep(lines=1, intervals=(60, 60))
    tries = world.stage().tries
    refuse(world, lambda _: len(tries) % 10 != 0, Duplicate("said already"))

    world.live(60 * 30 - 1, sheep)

    assert [1, 2, 3] == [event.age for event in world.told(Birthday) if isinstance(event, Birthday)]
    assert "has said its whole poem twice" in describe(world.told(Birthday)[1])
    assert (3, 27) == (len(world.stage().posts), len(world.told(Skipped)))
    assert 30 == sheep.age


@pytest.mark.parametrize("bad", [{5}, {0, 5}, {4, 5}])
def test_a_refused_end_of_a_poem_takes_no_birthday_away(world: World, bad: set[int]) -> None:
    """The recitation has been heard but for that; it ends when it is known that the text was to blame."""
    sheep = world.raise_sheep(lines=6, intervals=(60, 60))
    refuse(world, lambda text: int(text.split()[1]) in bad)

    world.live(86400, sheep)

    ages = [event.age for event in world.told(Birthday) if isinstance(event, Birthday)]
    assert list(range(1, len(ages) + 1)) == ages
    assert sheep.age - 1 <= len(ages) <= sheep.age


def test_a_clock_that_is_wrong_is_waited_for_a_minute_at_a_time(world: World) -> None:
    """A machine without a battery gets the time from the net soon after it starts."""
    sheep = world.raise_sheep()
    world.stage().trouble = [ClockWrong("this machine's clock is 40m behind")] * 5

    world.live(310, sheep)

    assert ([0, 60, 120, 180, 240, 300], 1) == (
        [time - START for time in world.stage().tries],
        len(world.told(Waiting)),
    )
    assert ["dolly 0"] == world.stage().posts


REFUSALS_OF_ALL = [Refused("that is no way to ask"), NotPermitted("You are not permitted to perform this action.")]


@pytest.mark.parametrize("error", REFUSALS_OF_ALL)
@pytest.mark.parametrize("said", [0, 2, 4])
@pytest.mark.parametrize("hours", [0.5, 3, 24])
def test_a_network_that_refuses_everything_loses_no_line(
    world: World, error: NetworkError, said: int, hours: float
) -> None:
    """However long it does so, and whether or not the bot has posted before."""
    sheep = world.raise_sheep(lines=10)
    world.live(60 * said - 1, sheep)

    world.stage().always = error
    world.live(3600 * hours, sheep)
    world.stage().always = None
    world.live(3600 * 2, sheep)

    posts = world.stage().posts
    assert [f"dolly {line % 10}" for line in range(len(posts))] == posts
    assert len(posts) > said + 10
    assert len(world.stage().tries) < len(posts) + 12 + hours * 2


def test_a_network_that_refuses_everything_is_asked_ever_less_often(world: World) -> None:
    """After a minute, two, four, up to an hour; that is told once."""
    sheep = world.raise_sheep()
    world.stage().always = NotPermitted("You are not permitted to perform this action.")

    world.live(86400, sheep)

    pauses = [(later - before) / 60 for before, later in itertools.pairwise(world.stage().tries)]
    assert [1, 2, 4, 8, 16, 32, 60, 60] == pauses[:8]
    assert 1 == len(world.told(Waiting))


@pytest.mark.parametrize("bad", [{0}, {0, 1}, {3}, {3, 4}, {4, 5}, {5}, {0, 5}, {3, 4, 5}])
def test_texts_that_are_refused_do_not_hold_up_the_poem_for_ever(world: World, bad: set[int]) -> None:
    """All others are said, in order; those are skipped, after some hours at the latest."""
    sheep = world.raise_sheep(lines=6)
    stage = world.stage()
    refuse(world, lambda text: int(text.split()[1]) in bad)

    world.live(86400 * 3, sheep)

    good = [line for line in range(6) if line not in bad]
    assert len(stage.posts) > 12
    assert [f"dolly {good[number % len(good)]}" for number in range(len(stage.posts))] == stage.posts
    refused = [event.text for event in world.told(Skipped) if isinstance(event, Skipped)]
    assert {f"dolly {line}" for line in bad} == set(refused)


def test_a_text_that_is_not_permitted_does_not_hold_up_the_poem_for_ever(world: World) -> None:
    """The network's words are about a permission, but other texts are accepted."""
    sheep = world.raise_sheep(lines=200)
    refuse(world, lambda text: text == "dolly 3", NotPermitted("You are not permitted to perform this action."))

    world.live(86400 * 2, sheep)

    assert [f"dolly {line}" for line in range(200) if line != 3] == world.stage().posts[:199]


def test_a_single_refused_text_costs_a_bot_that_posts_no_time(world: World) -> None:
    """Its next line comes when it is due, and shows that the text was to blame."""
    sheep = world.raise_sheep(lines=6, intervals=(60, 60))
    refuse(world, lambda text: text == "dolly 3")

    world.live(60 * 12 - 1, sheep)

    assert 10 == len(world.stage().posts)
    assert 2 == len(world.told(Skipped))


def test_a_refused_piece_ends_its_line(world: World) -> None:
    """Readers would get the end of a sentence without its middle."""
    (world.folder / "dolly.txt").write_text("\n".join(" ".join([word] * 120) for word in ("baa", "wool", "hay")))
    sheep = world.raise_sheep()
    refuse(world, lambda text: text.startswith("wool") and len(world.stage().posts) == 3)

    world.live(130, sheep)

    assert ["baa", "baa", "wool", "hay", "hay"] == [text.split()[0] for text in world.stage().posts]
    (skipped,) = world.told(Skipped)
    assert isinstance(skipped, Skipped)
    assert (1, 3) == (skipped.piece, skipped.pieces)
    assert "skips the rest of a line" in describe(skipped)


def refuse(world: World, is_bad: Callable[[str], bool], error: NetworkError | None = None) -> None:
    """Let the network refuse such texts."""
    stage = world.stage()
    post = stage.post

    def post_unless_bad(text: str, intent: Intent | None = None) -> str:
        stage.always = (error or Refused("no")) if is_bad(text) else None
        return post(text, intent)

    stage.post = post_unless_bad  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", [Suspended, Locked, Revoked])
def test_a_sheep_whose_account_is_closed_is_penned(world: World, kind: type[Pen]) -> None:
    """It stops with one loud line that says what to do, and costs the network one try."""
    sheep = world.raise_sheep()
    world.stage().always = kind("403")

    world.live(86400, sheep)

    assert 1 == len(world.stage().tries)
    (penned,) = world.told(Penned)
    assert isinstance(penned, Penned)
    assert kind.advice in describe(penned)


@pytest.mark.parametrize("kind", [Unauthorized, AppRefused])
def test_a_token_is_doubted_for_an_hour(world: World, kind: type[Pen]) -> None:
    """Networks refuse good tokens for a while. What to do if it lasts is told at the first refusal."""
    sheep = world.raise_sheep()
    world.stage().always = kind("401")

    world.live(3599, sheep)
    assert (False, []) == (sheep.is_penned, world.told(Penned))
    assert describe(world.told(BackingOff)[0]).endswith(f": 401; if that lasts: {kind.advice}")

    world.live(901, sheep)
    assert (True, 1) == (sheep.is_penned, len(world.told(Penned)))
    assert len(world.stage().tries) < 20


def test_a_token_that_is_refused_for_less_than_an_hour_is_a_good_one(world: World) -> None:
    """The bot goes on where it was, and a later refusal has an hour of its own."""
    sheep = world.raise_sheep(lines=1000)
    for _ in range(2):
        world.stage().always = Unauthorized("401")
        world.live(3500, sheep)
        world.stage().always = None
        world.live(3600, sheep)

    posts = world.stage().posts
    assert [f"dolly {line}" for line in range(len(posts))] == posts
    assert [] == world.told(Penned)


def test_a_penned_sheep_posts_again_when_its_key_file_changes(world: World) -> None:
    """The operator saves a new token; the sheep goes on with the line it was at."""
    sheep = world.raise_sheep()
    world.stage().always = Unauthorized("401")
    world.live(7200, sheep)
    world.stage().always = None

    os.utime(sheep.json_file, (1, 1))
    world.live(10, sheep)

    assert ["dolly 0"] == world.stage().posts
    assert 1 == len(world.told(Released))


def test_a_key_file_that_is_mended_while_its_token_is_doubted_is_used(world: World) -> None:
    """With the next try; a SIGHUP makes that at once. The new token gets as many tries as a new one."""
    sheep = world.raise_sheep()
    refused = world.stage()
    refused.always = Unauthorized("401")
    world.live(1800, sheep)
    tries = len(refused.tries)

    del world.stages.by_name["dolly"]  # the next connection is a new one
    os.utime(sheep.json_file, (1, 1))
    Herd([sheep], world.context).call()
    sheep.sleep()
    sheep.beat()

    assert (START + 1800, tries, ["dolly 0"]) == (world.clock.now(), len(refused.tries), world.stage().posts)


def test_a_post_that_may_be_out_is_not_gone_back_from(world: World) -> None:
    """Its repeat is refused while a line before it is passed over on trial."""
    sheep = world.raise_sheep(lines=10)
    stage = world.stage()
    stage.trouble = [None, Refused("no"), OutcomeUnknown("no answer"), *[Refused("no")] * 3]

    world.live(86400, sheep)

    assert ["dolly 0", "dolly 2", "dolly 3"] == stage.posts[:3]
    assert [] == world.told(Unsure)


def test_a_penned_sheep_connects_with_its_new_key(world: World) -> None:
    """The old connection signs with the token that was refused."""
    sheep = world.raise_sheep()
    refused = world.stage()
    refused.always = Suspended("403")
    world.live(60, sheep)

    del world.stages.by_name["dolly"]  # the next connection is a new one
    os.utime(sheep.json_file, (1, 1))
    world.live(10, sheep)

    assert (1, ["dolly 0"]) == (len(refused.tries), world.stage().posts)


def test_a_penned_sheep_tries_again_when_the_shepherd_calls(world: World) -> None:
    """A suspended account gets one try for each SIGHUP."""
    sheep = world.raise_sheep()
    world.stage().always = Suspended("403")
    world.live(3600, sheep)

    Herd([sheep], world.context).call()
    world.live(3600, sheep)

    assert 2 == len(world.stage().tries)
    assert 2 == len(world.told(Penned))


def test_a_penned_sheep_with_a_broken_key_file_stays_penned(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A typo in the new key is logged, and does not end the sheep."""
    sheep = world.raise_sheep()
    world.stage().always = Suspended("403")
    world.live(60, sheep)
    text = sheep.json_file.read_text()

    sheep.json_file.write_text(text[:-1])
    world.live(60, sheep)
    sheep.json_file.write_text(text + "\n")
    world.stage().always = None
    world.live(60, sheep)

    assert any("broken JSON" in record.message for record in caplog.records)
    assert ["dolly 0"] == world.stage().posts


@pytest.mark.parametrize("harm", [lambda file: file.write_text("{"), lambda file: file.unlink()])
def test_a_key_file_that_stays_broken_is_logged_once(
    world: World, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], object]
) -> None:
    """The file is looked at every five seconds; the log gets a line for each change of it."""
    sheep = world.raise_sheep()
    text = sheep.json_file.read_text()
    world.stage().always = Suspended("403")
    world.live(60, sheep)

    harm(sheep.json_file)
    world.live(3600, sheep)
    assert 1 == len(caplog.messages)

    sheep.json_file.write_text(text.replace("dolly-token", ""))
    world.live(3600, sheep)
    assert 2 == len(caplog.messages)


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("can't start new thread")])
def test_a_penned_sheep_whose_new_key_cannot_be_used_now_stays_penned(
    world: World, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """It tries its new key again at the next look, and the log gets one line."""

    class Hindered(Sheep):
        is_hindered = False

        def setup_api(self) -> None:
            if self.is_hindered:
                raise error
            super().setup_api()

    sheep = world.raise_sheep(kind=Hindered)
    world.stage().trouble = [Suspended("403")]
    world.live(60, sheep)
    Hindered.is_hindered = True
    os.utime(sheep.json_file, (1, 1))

    world.live(60, sheep)
    assert (True, 1) == (sheep.is_penned, len(caplog.messages))
    assert caplog.messages[0].startswith("dolly stays in the pen: ")

    Hindered.is_hindered = False
    world.live(10, sheep)
    assert (False, ["dolly 0"]) == (sheep.is_penned, world.stage().posts)


def test_an_interval_that_is_removed_from_the_key_file_is_the_flocks_again(world: World) -> None:
    """A penned sheep reads its key file again when it changes."""
    sheep = world.raise_sheep(line_interval="2m", poem_interval="3m")
    world.stage().trouble = [Suspended("403")]
    world.live(60, sheep)

    key = json.loads(sheep.json_file.read_text())
    del key["line_interval"]
    key["poem_interval"] = "4m"
    sheep.json_file.write_text(json.dumps(key))
    world.live(130, sheep)

    assert (60, 240) == (sheep.line_interval, sheep.poem_interval)
    first, *later = world.stage().times
    assert [first + 60, first + 120] == later


def test_a_key_file_that_names_another_bot_keeps_the_sheep_penned(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Its place in the poem belongs to the bot that it was."""
    sheep = world.raise_sheep()
    world.stage().trouble = [Suspended("403")]
    world.live(60, sheep)

    sheep.json_file.write_text(sheep.json_file.read_text().replace('"dolly"', '"molly"'))
    world.live(60, sheep)

    assert (True, "dolly", []) == (sheep.is_penned, sheep.name, world.stage().posts)
    assert ["dolly stays in the pen: its key file names another bot now; start the flock anew"] == caplog.messages


def test_of_the_bots_of_a_refused_app_one_tells_the_error(world: World) -> None:
    """The first event has level ERROR; those of the other bots say that they follow it."""
    flock = [world.raise_sheep(name) for name in ("ann", "ben", "cat")]
    for stage in world.stages.by_name.values():
        stage.always = AppRefused("453")

    world.live(7200, *flock)

    assert [False, True, True] == [event.with_its_app for event in world.told(Penned) if isinstance(event, Penned)]


def test_a_pen_is_remembered_over_a_restart(world: World) -> None:
    """Under cron, each minute is a restart: a closed account costs one try, not one a minute."""
    for _ in range(10):
        sheep = world.raise_sheep()
        world.stage().always = Suspended("403")
        world.live(3600, sheep)
        world.anew()

    assert 1 == len(world.stage().tries)


def test_a_token_is_doubted_for_an_hour_under_cron_too(world: World) -> None:
    """Each run is a process of its own; the journal keeps since when the tokens are refused."""
    for minute in range(120):
        world.clock.advance_to(START + 60 * minute)
        world.anew()
        sheep = world.raise_sheep()
        world.stage().always = Unauthorized("401")
        if sheep.is_due():
            sheep.beat()
        if sheep.is_penned:
            break

    assert 60 <= minute <= 76
    assert len(world.stage().tries) < 20


@pytest.mark.parametrize("strikes", [1, 2, 3])
def test_a_key_file_that_changed_between_two_runs_gets_as_many_tries_as_a_new_one(
    world: World, strikes: int
) -> None:
    """The token that was refused is another one by now: its strikes are those of the old one."""
    sheep = world.raise_sheep()
    stage = world.stage()
    stage.trouble = [Unauthorized("401")] * (strikes + 2)
    for _ in range(strikes):
        world.clock.advance_to(sheep.wake)
        sheep.beat()

    world.anew()
    os.utime(sheep.json_file, (1, 1))
    again = world.raise_sheep()
    assert (0, False) == (again.standing.strikes, again.is_penned)
    world.live(30, again)

    assert (strikes + 3, ["dolly 0"]) == (len(stage.tries), stage.posts)


def test_strikes_of_the_same_key_file_are_kept_over_a_restart(world: World) -> None:
    """Else each process of a cron job would try a refused token anew."""
    sheep = world.raise_sheep()
    world.stage().always = Unauthorized("401")
    world.live(0, sheep)

    world.anew()

    assert 1 == world.raise_sheep().standing.strikes


@pytest.mark.parametrize("error", REFUSALS_OF_ALL)
@pytest.mark.parametrize("said", [0, 3])
@pytest.mark.parametrize("minutes", [30, 1000])
def test_a_network_that_refuses_everything_loses_no_line_under_cron(
    world: World, error: NetworkError, said: int, minutes: int
) -> None:
    """Each minute is a process of its own."""
    for minute in range(minutes + 120):
        world.clock.advance_to(START + 60 * minute)
        world.anew()
        sheep = world.raise_sheep(lines=1000)
        world.stage().always = error if said <= minute < minutes else None
        if sheep.is_due():
            sheep.beat()

    posts = world.stage().posts
    assert [f"dolly {line}" for line in range(len(posts))] == posts
    assert len(posts) > 50


def test_too_long_is_skipped_after_any_number_of_refusals(world: World) -> None:
    """A refused line is held; one that is too long is not, since the text is to blame."""
    sheep = world.raise_sheep(lines=50)
    world.stage().trouble = [*[Refused("no")] * 3, TooLong("186")]

    world.live(900, sheep)

    assert ["dolly 0"] == [event.text for event in world.told(Skipped) if isinstance(event, Skipped)]
    assert ["dolly 1", "dolly 2"] == world.stage().posts[:2]


@pytest.mark.parametrize("network", ["x", "pasture"])
def test_an_outage_of_one_service_is_told_by_one_of_its_bots(world: World, network: str) -> None:
    """Also while the bots of another service post: their posts do not end it."""
    away = [world.raise_sheep(f"x{number}", lines=1000) for number in range(20)]
    others = [world.raise_sheep(f"p{number}", lines=1000, network=network) for number in range(20)]
    for place, sheep in enumerate([*away, *others]):
        sheep.postpone(START + place * 0.5)
    for sheep in away if network == "pasture" else [*away, *others]:
        world.stage(sheep.name).always = Unavailable("api.x.com takes no connection")

    world.live(1800, *away, *others)

    loud = [event.bot for event in world.told(BackingOff) if event.level >= logging.WARNING]
    assert {"x0"} == set(loud)
    assert len(loud) <= 3


def test_a_text_that_cannot_be_stored_is_its_sheeps_own_trouble(make_world: Callable[..., World]) -> None:
    """A lone surrogate: the sheep backs off, the others post, and the journal is not said to be in trouble."""

    class Odd(Sheep):
        def decide(self) -> str:
            return "\ud800"

    world = make_world()
    world.journal = SqliteJournal(world.folder / "flock.db")
    world.anew()
    odd, sound = world.raise_sheep("odd", kind=Odd), world.raise_sheep("sound", lines=100)

    world.live(130, odd, sound)
    world.journal.close()

    assert ([], 3) == (world.stage("odd").tries, len(world.stage("sound").posts))
    assert {"odd"} == {event.bot for event in world.told(Stumbled)}
    assert [] == world.told(Silenced)


def test_nothing_is_posted_without_a_journal(make_world: Callable[..., World]) -> None:
    """While the disk is full nothing is posted, and one event says so. Afterwards every line comes, none twice."""

    class FullDisk(MemoryJournal):
        full = False

        def intend(self, bot: str, place: Place, text: str) -> None:
            if self.full:
                raise JournalError("the disk is full")
            super().intend(bot, place, text)

        def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
            if self.full:
                raise JournalError("the disk is full")
            super().settle(bot, settlement, place)

    journal = FullDisk()
    world = make_world(journal=journal)
    flock = [world.raise_sheep(name, lines=100) for name in ("ann", "ben")]
    world.live(130, *flock)
    said_before = len(world.stage("ann").posts)

    journal.full = True
    world.live(3600, *flock)
    said_without = len(world.stage("ann").posts)
    journal.full = False
    world.live(1800, *flock)

    posts = world.stage("ann").posts
    assert said_before == said_without < len(posts)
    assert [f"ann {line}" for line in range(len(posts))] == posts
    assert (1, 1) == (len(world.told(Silenced)), len(world.told(SpeaksAgain)))


def test_a_post_that_cannot_be_settled_is_settled_before_the_next(make_world: Callable[..., World]) -> None:
    """The disk fills up after the post: the line is not posted again, its interval holds, and it is told once."""

    class FillsUp(MemoryJournal):
        left = 3  # settlements until the disk is full: the third ends the poem, and fails twice

        def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
            self.left -= 1
            if -2 < self.left <= 0:
                raise JournalError("the disk is full")
            super().settle(bot, settlement, place)

    world = make_world(journal=FillsUp())
    sheep = world.raise_sheep(lines=3, intervals=(60, 600))

    world.live(800, sheep)

    posts = [f"dolly {line % 3}" for line in range(5)]
    assert posts == world.stage().posts
    assert [0, 60, 120, 720, 780] == [time - START for time in world.stage().times]
    assert posts == [event.text for event in world.told(Said) if isinstance(event, Said)]
    assert [0, 60, 120, 720, 780] == [event.at - START for event in world.told(Said)]
    assert 1 == len(world.told(Birthday))


def test_capped_posts_that_are_not_spread_keep_to_the_cap_over_restarts(make_world: Callable[..., World]) -> None:
    """Ten posts in any 24 hours, also where each process runs for nine."""
    world = make_world(options=Options(posts_per_day=10, burst=True))
    for _ in range(5):
        world.live(9 * 3600, world.raise_sheep(lines=1000))
        world.anew()

    times = world.stage().times
    assert 20 == len(times)
    assert all(later - before >= 86400 for before, later in zip(times, times[10:], strict=False))
    assert 9 * 60 == times[9] - times[0]


def test_the_flocks_posts_that_are_not_spread_are_for_all_bots_together(make_world: Callable[..., World]) -> None:
    """Thirty posts a day by both, of which one bot's key allows it five."""
    world = make_world(options=Options(flock_posts_per_day=30, burst=True))
    flock = [world.raise_sheep("ann", lines=1000, posts_per_day=5), world.raise_sheep("ben", lines=1000)]

    world.live(86400 - 1, *flock)

    assert 5 == len(world.stage("ann").posts)
    assert 25 == len(world.stage("ben").posts)


def test_a_post_that_was_not_made_does_not_count_against_the_cap(make_world: Callable[..., World]) -> None:
    """Neither one that did not get through nor one that was refused."""
    world = make_world(options=Options(posts_per_day=2, burst=True))
    sheep = world.raise_sheep(lines=1000)
    world.stage().trouble = [Unavailable("503"), Unavailable("503"), TooLong("186"), Unavailable("503")]

    world.live(86000, sheep)

    assert (2, 6) == (len(world.stage().posts), len(world.stage().tries))


@pytest.mark.parametrize("restarts", [False, True])
def test_a_post_that_is_repeated_counts_once_against_the_cap(
    make_world: Callable[..., World], *, restarts: bool
) -> None:
    """Its first attempt may be out, so that the first attempt counts; also after a restart."""
    world = make_world(options=Options(posts_per_day=2, burst=True))
    sheep = world.raise_sheep(lines=1000)
    world.stage().trouble = [OutcomeUnknown("no answer")]
    world.live(0, sheep)
    if restarts:
        world.anew()
        sheep = world.raise_sheep()

    world.live(86000, sheep)

    assert (["dolly 0", "dolly 1"], 3) == (world.stage().posts, len(world.stage().tries))


def test_a_post_that_cannot_be_found_out_about_is_not_repeated(world: World) -> None:
    """The timeline is refused, and duplicates are not: the sheep goes on with the next line, and says so."""
    sheep = world.raise_sheep(lines=10)
    stage = world.stage()
    stage.trouble = [None, OutcomeUnknown("no answer")]
    stage.timeline = Refused("403")

    world.live(130, sheep)

    assert ["dolly 0", "dolly 2"] == stage.posts
    assert ["dolly 1"] == [event.text for event in world.told(Unsure) if isinstance(event, Unsure)]


def test_of_the_tries_in_a_long_outage_few_are_warnings(world: World) -> None:
    """A day of 503s is a warning for every fifth try at most."""
    sheep = world.raise_sheep()
    world.stage().always = Unavailable("503")

    world.live(86400, sheep)

    loud = [event for event in world.told(BackingOff) if event.level >= logging.WARNING]
    assert 1 <= len(loud) < len(world.told(BackingOff)) / 4


@pytest.mark.parametrize("error", [Refused("no: \ud83d"), RateLimited("no: \ud83d"), Unavailable("no: \ud83d")])
def test_an_answer_that_cannot_be_encoded_is_kept_all_the_same(
    make_world: Callable[..., World], error: NetworkError
) -> None:
    """A network cut its message in the middle of an emoji: half of it is escaped in the journal."""
    world = make_world()
    world.journal = SqliteJournal(world.folder / "flock.db")
    world.anew()
    sheep = world.raise_sheep(lines=100)
    world.stage().trouble = [None, error]

    world.live(3600, sheep)
    world.journal.close()

    assert len(world.stage().posts) > 10
    assert [] == world.told(Stumbled)


@dataclass
class Measured(ScriptedNetwork):
    """Counts how often it is asked whether a text fits."""

    measured: int = 0

    def fits(self, text: str) -> bool:
        """Return whether `text` fits."""
        self.measured += 1
        return super().fits(text)


def test_a_line_is_cut_once_however_often_it_is_tried(world: World) -> None:
    """Cutting a long line takes a thousand times as long as a post."""
    world.folder.joinpath("dolly.txt").write_text("baa " * 50)
    sheep = world.raise_sheep()
    ruler = Measured(limit=20)
    sheep.api = ruler
    world.stage().trouble = [None, *[Unavailable("503")] * 3]

    sheep.beat()
    at_first = ruler.measured
    while sheep.place.saying is not None:
        world.clock.advance_to(sheep.wake)
        sheep.beat()

    assert (at_first, True) == (ruler.measured, at_first > 0)
    assert 50 == " ".join(world.stage().posts).count("baa")
