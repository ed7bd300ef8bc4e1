"""What a sheep does that its operator tells something: in its own time, once, and over restarts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flock.errors import JournalError, OutcomeUnknown, RateLimited, Refused, Suspended, Unavailable
from flock.events import (
    Birthday,
    Declined,
    Event,
    Failed,
    GoneQuiet,
    Obeyed,
    Paced,
    Said,
    Silenced,
    SpeaksAgain,
    Told,
)
from flock.herd import Herd
from flock.journal import Command, Place, SqliteJournal, Standing, Verb
from flock.networks.base import Post
from flock.options import Options
from flock.sheep.recovery import LANDING
from flock.sheep.sheep import Sheep
from tests.world import START, World

LONG = "a line " + "that is much too long for one post " * 20  # three posts


def tell(world: World, sheep: Sheep, *words: str) -> None:
    """Tell the bot to do these things, as `flock tell` and the herd do it, and let it do what it can now."""
    for word in words:
        verb, _, line = word.partition(" ")
        world.journal.give([sheep.bot], Verb(verb), int(line) if line else None, at=world.clock.wall())
    sheep.hear(world.journal.commands())
    sheep.attend()


def obeyed(world: World) -> list[str]:
    """Return what was obeyed, in order."""
    return [event.command for event in world.told(Obeyed) if isinstance(event, Obeyed)]


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, make_world: Callable[..., World], tmp_path: Path) -> Iterator[World]:
    """Return a world with each kind of journal."""
    made = make_world() if request.param == "memory" else make_world(journal=SqliteJournal(tmp_path / "flock.db"))
    yield made
    made.journal.close()


class TestPause:
    """Begin nothing, also after a restart; and go on without catching up."""

    def test_a_paused_bot_says_nothing_until_it_is_told_to_go_on(self, world: World) -> None:
        """Then it goes on where it was, and one line comes after the other."""
        sheep = world.raise_sheep(lines=100)
        world.live(70, sheep)

        tell(world, sheep, "pause")
        world.live(3600, sheep)
        assert (2, math.inf) == (len(world.stage().posts), sheep.wake)
        tell(world, sheep, "resume")
        world.live(130, sheep)

        assert [f"dolly {line}" for line in range(5)] == world.stage().posts
        assert [0, 60, 3670, 3730, 3790] == [time - START for time in world.stage().times]

    def test_a_pause_is_kept_over_restarts(self, world: World) -> None:
        """With `--once`, too. The journal says since when."""
        sheep = world.raise_sheep(lines=100)
        world.live(10, sheep)
        tell(world, sheep, "pause")

        for _ in range(3):
            world.clock.advance_to(world.clock.now() + 3600)
            world.anew()
            sheep = world.raise_sheep(lines=100)
            assert not sheep.is_due()
            sheep.beat()
        assert START + 10 == sheep.place.paused
        tell(world, sheep, "resume")
        world.live(1, sheep)

        assert ["dolly 0", "dolly 1"] == world.stage().posts

    def test_a_pause_is_no_silence(self, world: World) -> None:
        """It is not told of as a bot that has gone quiet, and feeds the watchdog."""
        herd = Herd([world.raise_sheep(lines=100)], world.context)
        tell(world, herd.flock[0], "pause")
        for _ in range(10):
            world.clock.advance_to(world.clock.now() + 3600)
            herd.look_around()

        assert [] == world.told(GoneQuiet)
        rounds = world.events[-1].as_dict()
        assert ("rounds", 1, True) == (rounds["event"], rounds["paused"], rounds["alive"])

    def test_a_post_that_may_be_out_is_settled_in_a_pause(self, world: World) -> None:
        """It was begun before: the sheep finds out about it, notes how it ended, and begins no other."""
        sheep = world.raise_sheep(lines=100)
        world.stage().trouble, world.stage().stores_first = [OutcomeUnknown("no answer")], True
        world.live(0, sheep)
        assert [] == world.told(Said)

        tell(world, sheep, "pause")
        assert (["pause"], True) == (obeyed(world), sheep.is_paused)
        world.live(3600, sheep)

        assert (1, True) == (sheep.tot_tweet_tracker, sheep.is_paused)
        assert sheep.place.intended is None
        assert ["dolly 0"] == world.stage().posts
        tell(world, sheep, "resume")
        world.live(1, sheep)
        assert ["dolly 0", "dolly 1"] == world.stage().posts

    def test_the_rest_of_a_line_waits_for_the_end_of_the_pause(self, world: World) -> None:
        """Its first post is out; the others are begun after it."""
        (world.folder / "dolly.txt").write_text(f"{LONG}\nbaa\n")
        sheep = world.raise_sheep()
        world.live(0, sheep)

        tell(world, sheep, "pause")
        world.live(3600, sheep)
        assert 1 == len(world.stage().posts)
        assert not sheep.is_within_a_line
        tell(world, sheep, "resume")
        world.live(70, sheep)

        assert ["baa"] == world.stage().posts[3:]

    def test_to_be_told_twice_changes_nothing(self, world: World) -> None:
        """A pause began when it was told first; and a bot that is not paused keeps its times."""
        sheep = world.raise_sheep(lines=100)
        world.live(0, sheep)
        tell(world, sheep, "resume")
        assert START + 60 == sheep.due
        tell(world, sheep, "pause")
        world.live(10, sheep)
        tell(world, sheep, "pause")

        assert START == sheep.place.paused
        assert ["resume", "pause", "pause"] == obeyed(world)


class TestWhatComesNext:
    """skip, again, from, from-the-top: they change what is said, and not when."""

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["skip"], [0, 1, 3, 4]),
            (["skip", "skip"], [0, 1, 4, 5]),
            (["again"], [0, 1, 1, 2]),
            (["again", "again"], [0, 1, 1, 2]),
            (["again", "skip"], [0, 1, 2, 3]),
            (["skip", "again"], [0, 1, 1, 3]),
            (["from 7"], [0, 1, 6, 7]),
            (["from 7", "again"], [0, 1, 1, 6]),
            (["from 1"], [0, 1, 0, 1]),
            (["from-the-top"], [0, 1, 0, 1]),
            (["from-the-top", "again"], [0, 1, 1, 0]),
            (["pause", "skip", "resume"], [0, 1, 3, 4]),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("restarts", [False, True])
    def test_each_has_its_line(
        self, world: World, words: list[str], expected: list[int], *, restarts: bool
    ) -> None:
        """Each line comes when one was due anyway; a restart between command and line changes nothing."""
        sheep = world.raise_sheep(lines=9)
        world.live(90, sheep)
        tell(world, sheep, *words)
        if restarts:
            world.anew()
            sheep = world.raise_sheep(lines=9)

        world.live(90, sheep)

        assert [f"dolly {line}" for line in expected] == world.stage().posts
        assert [0, 60, 120, 180] == [time - START for time in world.stage().times]
        assert [] == [event for event in world.events if not isinstance(event, Said | Obeyed)]
        assert [] == world.journal.commands()

    def test_the_lines_are_those_of_the_file(self, world: World) -> None:
        """As an editor counts: with empty lines. A line that is not said stands for the next one."""
        (world.folder / "dolly.txt").write_text("\n\none\n\n\ntwo\nthree\n")
        sheep = world.raise_sheep()
        for number, expected in ((3, "one"), (4, "two"), (6, "two"), (7, "three")):
            tell(world, sheep, f"from {number}")
            assert expected == sheep.decide()
        tell(world, sheep, "from 8")

        (declined,) = world.told(Declined)
        assert isinstance(declined, Declined)
        assert ("from 8", "its poem has no line 8, nor one after it") == (declined.command, declined.why)
        assert [] == world.journal.commands()

    def test_nothing_is_said_again_before_anything_was_said(self, world: World) -> None:
        """That is told, and the command is gone."""
        sheep = world.raise_sheep()
        tell(world, sheep, "again")
        world.live(1, sheep)

        assert ["it has said nothing yet"] == [
            each.why for each in world.told(Declined) if isinstance(each, Declined)
        ]
        assert ["dolly 0"] == world.stage().posts

    def test_after_a_skipped_last_line_comes_the_rest(self, world: World) -> None:
        """The recitation has ended, and the bot is a year older, as it were."""
        sheep = world.raise_sheep(lines=3)
        world.live(70, sheep)
        tell(world, sheep, "skip")
        world.live(710, sheep)

        assert [0, 60, 720, 780] == [time - START for time in world.stage().times][:4]
        assert "dolly 0" == world.stage().posts[2]
        assert [1] == [event.age for event in world.told(Birthday) if isinstance(event, Birthday)]

    def test_the_last_line_of_a_recitation_is_said_again_before_the_next_one(self, world: World) -> None:
        """And the rest comes after it."""
        sheep = world.raise_sheep(lines=3)
        world.live(130, sheep)
        tell(world, sheep, "again", "now")
        world.live(600, sheep)

        assert [0, 1, 2, 2, 0] == [int(text[-1]) for text in world.stage().posts]
        assert [0, 60, 120, 130, 730] == [time - START for time in world.stage().times]

    def test_a_line_is_said_again_as_another_post(self, world: World) -> None:
        """With a number and a token of its own."""
        sheep = world.raise_sheep(lines=9)
        world.live(70, sheep)
        tell(world, sheep, "again")
        world.live(60, sheep)

        intents = [intent.token for intent in world.stage().intents if intent]
        assert 3 == len(set(intents)) == sheep.tot_tweet_tracker
        assert ["dolly 0", "dolly 1", "dolly 1"] == world.stage().posts

    @pytest.mark.parametrize(
        ("word", "follows"),
        [("skip", ["one", "two"]), ("again", [LONG, "one"]), ("from 3", ["two"]), ("from-the-top", [LONG, "one"])],
    )
    def test_of_a_line_of_several_posts_the_rest_is_not_said(
        self, world: World, word: str, follows: list[str]
    ) -> None:
        """One of three is out. What is out stays in the journal; the next line waits for an interval."""
        (world.folder / "dolly.txt").write_text(f"{LONG}\none\ntwo\n")
        sheep = world.raise_sheep()
        world.live(1, sheep)
        assert 1 == len(world.stage().posts)

        tell(world, sheep, word)
        before = len(world.journal.latest_posts(9, sheep.bot))
        world.live(75 if word in ("again", "from 3") else 135, sheep)

        said = " ".join(world.stage().posts[1:]).replace("… ", " ")
        assert [1, " ".join(line.strip() for line in follows)] == [before, said]
        again = word == "again"
        assert (3 if again else 60) <= world.stage().times[1] - START <= (3 if again else 63)

    def test_a_refused_line_that_holds_a_bot_is_skipped_at_once(self, world: World) -> None:
        """The network says nothing of its reasons, and the bot would wait for an hour and more."""
        sheep = world.raise_sheep(lines=9)
        world.stage().always = Refused("403")
        world.live(600, sheep)
        world.stage().always = None
        assert sheep.wake > world.clock.now() + 60

        tell(world, sheep, "skip")
        world.live(1, sheep)

        assert ["dolly 1"] == world.stage().posts
        assert 0 == sheep.place.refusals


class TestNow:
    """Say the next line now; one line, and nothing else changes."""

    def test_the_next_line_comes_now_and_the_others_an_interval_after_it(self, world: World) -> None:
        """Told twice before it was said, it is one line all the same."""
        sheep = world.raise_sheep(lines=100)
        world.live(10, sheep)
        tell(world, sheep, "now", "now")
        world.live(121, sheep)

        assert [0, 10, 70, 130] == [time - START for time in world.stage().times]

    def test_a_limit_holds(self, world: World) -> None:
        """The bot waits as long as it would have waited, and that is said."""
        sheep = world.raise_sheep(lines=100)
        world.stage().trouble = [RateLimited("429")]
        world.live(10, sheep)
        tell(world, sheep, "now")

        (event,) = world.told(Obeyed)
        assert isinstance(event, Obeyed)
        assert "it waits 15m: 429" == event.why
        world.live(880, sheep)
        assert [] == world.stage().posts

    def test_a_penned_bot_stays_penned(self, world: World) -> None:
        """That is said."""
        sheep = world.raise_sheep(lines=100)
        world.stage().always = Suspended("403")
        world.live(10, sheep)
        tell(world, sheep, "now", "skip")
        world.live(3600, sheep)

        assert {"it is penned: 403"} == {event.why for event in world.told(Obeyed) if isinstance(event, Obeyed)}
        assert 1 == len(world.stage().tries)

    def test_a_cap_holds(self, world: World) -> None:
        """Two posts a day are two posts a day."""
        sheep = world.raise_sheep(lines=100, posts_per_day=2)
        world.live(10, sheep)
        for _ in range(9):
            tell(world, sheep, "now")
            world.live(10, sheep)

        assert 2 == len(world.stage().posts)

    def test_a_paused_bot_takes_no_share_of_the_flocks_posts(self, make_world: Callable[..., World]) -> None:
        """Also when it is told something that it cannot do."""
        world = make_world(options=Options(flock_posts_per_day=20))
        flock = [world.raise_sheep(name, lines=100) for name in ("ann", "ben")]
        assert world.context.allowance
        for words in (("pause",), ("from 999",)):
            tell(world, flock[0], *words)
            world.live(1, *flock)
            assert 20.0 == world.context.allowance.share
        assert 1 == len(world.told(Declined))

    def test_of_bots_that_share_a_cap_it_comes_before_the_others(self, make_world: Callable[..., World]) -> None:
        """Their turns are a quarter of an hour apart. The cap holds, and a wait for it is told."""
        world = make_world(options=Options(flock_posts_per_day=6))
        flock = [world.raise_sheep(name, lines=100) for name in ("dolly", "molly", "polly")]
        world.live(10, *flock)
        (last,) = (sheep for sheep in flock if sheep.name == "polly")
        before = len(world.stage("polly").posts)

        tell(world, last, "now")
        world.live(5, *flock)
        assert before + 1 == len(world.stage("polly").posts)

        for _ in range(6):
            tell(world, last, "now")
            world.live(5, *flock)
        told = [event for event in world.told(Paced) if isinstance(event, Paced) and event.bot == "polly"]
        assert sum(len(world.stage(sheep.name).posts) for sheep in flock) <= 6
        assert (False, True) == (told[-1].again, told[-1].seconds > 3600)

    def test_a_paused_bot_says_it_when_it_goes_on(self, world: World) -> None:
        """The pause is stronger."""
        sheep = world.raise_sheep(lines=100)
        world.live(10, sheep)
        tell(world, sheep, "pause", "now")
        world.live(10, sheep)
        assert 1 == len(world.stage().posts)
        tell(world, sheep, "resume")
        world.live(0, sheep)

        assert [0, 20] == [time - START for time in world.stage().times]


class TestPostUnderWay:
    """A post of which nobody knows whether it is out is settled before the bot goes anywhere else."""

    @pytest.mark.parametrize("is_out", [True, False])
    @pytest.mark.parametrize("restarts", [False, True])
    @pytest.mark.parametrize(
        ("word", "expected"), [("skip", [0, 2]), ("again", [0, 0]), ("from 5", [0, 4]), ("now", [0, 1])]
    )
    def test_it_is_settled_first(
        self, world: World, word: str, expected: list[int], *, is_out: bool, restarts: bool
    ) -> None:
        """It is looked for, and posted if it is not there; the command waits, and that is told once."""
        sheep = world.raise_sheep(lines=9)
        world.stage().trouble, world.stage().stores_first = [OutcomeUnknown("no answer")], is_out
        world.live(0, sheep)

        tell(world, sheep, word)
        assert ([], 1) == (obeyed(world), len(world.journal.commands()))
        if restarts:
            world.anew()
            sheep = world.raise_sheep(lines=9)
        for _ in range(4):
            sheep.hear(world.journal.commands())
        world.live(LANDING, sheep)
        tell(world, sheep)
        world.live(70, sheep)

        assert [f"dolly {line}" for line in expected] == world.stage().posts[:2]
        assert [word] == obeyed(world)
        told = [event.why for event in world.told(Told) if isinstance(event, Told)]
        assert ["when the post under way has been settled"] == told

    def test_a_pause_overtakes_what_waits(self, world: World) -> None:
        """The network is away for hours: the bot is paused at once, and skips when the post is settled."""
        sheep = world.raise_sheep(lines=9)
        stage = world.stage()
        stage.trouble, stage.timeline = [OutcomeUnknown("no answer")], Unavailable("503")
        world.live(0, sheep)
        tell(world, sheep, "skip", "pause")
        assert ["pause"] == obeyed(world)
        world.live(3600, sheep)
        stage.timeline = (Post("99", "dolly 0"),)
        world.live(3600, sheep)
        tell(world, sheep)

        assert (["pause", "skip"], 2, True) == (obeyed(world), sheep.place.line, sheep.is_paused)


class Torn(SqliteJournal):
    """A journal that cannot write the next so many obediences."""

    failures = 0

    def obey(self, command: Command, bot: str, place: Place, standing: Standing) -> bool:
        if self.failures:
            self.failures -= 1
            raise JournalError("the disk is full")
        return super().obey(command, bot, place, standing)


def test_a_command_that_cannot_be_obeyed_now_is_obeyed_later(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    """The disk is full for a while: that is told once, the sheep does not move, and no command is lost."""
    journal = Torn(tmp_path / "flock.db")
    world = make_world(journal=journal)
    sheep = world.raise_sheep(lines=9)
    journal.failures = 3
    for _ in range(3):
        tell(world, sheep, *([] if journal.commands() else ["skip"]))
        assert (0, False) == (sheep.place.line, sheep.is_spoken_to)
    tell(world, sheep)

    assert 1 == sheep.place.line
    assert [Silenced, SpeaksAgain] == [
        type(each) for each in world.events if isinstance(each, Silenced | SpeaksAgain)
    ]
    journal.close()


def test_a_stale_command_is_not_obeyed_again(world: World) -> None:
    """It was handed over once more before the journal knew that it was obeyed."""
    sheep = world.raise_sheep(lines=9)
    world.journal.give([sheep.bot], Verb.SKIP, at=1.0)
    stale = world.journal.commands()
    for _ in range(3):
        sheep.hear(stale)
        sheep.attend()

    assert (1, ["skip"]) == (sheep.place.line, obeyed(world))


def test_the_herd_hands_over_what_is_for_its_own_bots(world: World) -> None:
    """Those of others stay; a sheep that sleeps wakes for it, and all go on one after the other."""
    flock = [world.raise_sheep(name, lines=9) for name in ("ann", "ben", "cat")]
    herd = Herd(flock, world.context)
    world.live(1, *flock)
    for sheep in flock:
        tell(world, sheep, "pause")
    world.journal.give(["x:stranger", *(sheep.bot for sheep in flock)], Verb.RESUME, at=1.0)
    world.clock.advance_to(START + 100)

    herd.look_around()
    for sheep in flock:
        sheep.sleep()
        assert world.clock.now() == START + 100
        assert sheep.attend()

    assert ["x:stranger"] == [command.bot for command in world.journal.commands()]
    assert [100, 100.05, 100.1] == pytest.approx([sheep.wake - START for sheep in flock])


WORDS = st.sampled_from(["pause", "resume", "skip", "again", "from 3", "from 8", "from-the-top", "now"])
STEPS = st.lists(
    st.one_of(WORDS, st.sampled_from(["restart", "a minute", "no answer, out", "no answer, lost", "503"])),
    max_size=25,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
@example(["skip", "a minute", "from 3", "503", "again"])
def test_whatever_it_is_told_each_command_is_obeyed_once_and_each_post_is_made_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """A line is said twice in a row only where the bot was told to, and passed over only where it was told to."""
    world = World(tmp_path_factory.mktemp("world"))
    sheep = world.raise_sheep(lines=9)
    stage = world.stage()
    told: list[str] = []
    for step in steps:
        match step:
            case "restart":
                world.anew()
                sheep = world.raise_sheep(lines=9)
            case "a minute":
                world.live(60, sheep)
            case "no answer, out" | "no answer, lost":
                stage.trouble, stage.stores_first = [OutcomeUnknown("no answer")], step.endswith("out")
                world.live(60, sheep)
            case "503":
                stage.trouble, stage.stores_first = [Unavailable("503")], False
                world.live(60, sheep)
            case _:
                told.append(step)
                tell(world, sheep, step)
        tell(world, sheep)
    stage.trouble = []
    world.live(60, sheep)
    tell(world, sheep)
    tell(world, sheep, "resume")
    world.live(700, sheep)

    assert [] == world.journal.commands()
    done = [event.command for event in world.events if isinstance(event, Obeyed | Declined)]
    assert sorted(done) == sorted([*told, "resume"])
    assert [] == unexplained(world.events, stage.posts)


def unexplained(events: list[Event], posts: list[str]) -> list[str]:
    """Return the posts that are not what a bot says that has obeyed what it was told before.

    A bot that has tried in vain to say the same line as the last one is told to say it again: it says it once.
    """
    following, again, tried, latest, wrong = 0, False, False, "", []
    for event in events:
        match event:
            case Failed():
                tried = True
            case Said():
                expected = latest if again else f"dolly {following % 9}"
                following, again, tried, latest = following + (not again), False, False, event.text
                if event.text != expected:
                    wrong.append(f"{event.text}, not {expected}")
            case Obeyed(command="skip"):
                following, again, tried = following + (not again), False, False
            case Obeyed(command="again"):
                again = again or not (tried and latest == f"dolly {following % 9}")
            case Obeyed(command="from-the-top"):
                following, again, tried = 0, False, False
            case Obeyed() if event.command.startswith("from"):
                following, again, tried = int(event.command[5:]) - 1, False, False
    said = [event.text for event in events if isinstance(event, Said)]
    return wrong if said == posts else [f"{said} are told, and {posts} are out"]
