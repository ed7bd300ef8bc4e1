"""What every journal does, in memory or in a file."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flock.errors import BotsTaken, Unstorable
from flock.journal import (
    WELL,
    Command,
    Condition,
    Journal,
    MemoryJournal,
    Noted,
    Outcome,
    Place,
    Record,
    Settlement,
    SqliteJournal,
    Standing,
    Verb,
    open_journal,
)
from flock.journal.base import in_order

DOLLY, EWE = "x:dolly", "x:ewe"
HERE = Place(
    n=7,
    line=2,
    piece=1,
    recitations=3,
    due=1234.5,
    saying="Μῆνιν 羊 🐑",
    next_line="baa",
    prior_line="bleat",
    last_id="99",
    refusals=2,
    passed=1,
    trials=3,
    skipped=4,
    silent=5,
    paused=1200.0,
    said="bleat",
    poem="4711",
)
UNDER_WAY = HERE._replace(intended=10.0)
AILING = Standing(
    condition=Condition.PENNED,
    trouble="suspended",
    kind="Suspended",
    until=99.0,
    failures=3,
    strikes=1,
    key_stamp="1/2",
    since=55.0,
)

TEXTS = st.text(st.characters(codec="utf-8"))
TIMES = st.floats(0, 1e12)
PLACES = st.builds(
    Place,
    n=st.integers(0, 2**62),
    line=st.integers(0, 10**6),
    piece=st.integers(0, 1000),
    recitations=st.integers(0, 10**9),
    due=TIMES,
    saying=st.none() | TEXTS,
    intended=st.none() | TIMES,
    next_line=TEXTS,
    prior_line=TEXTS,
    last_id=st.none() | TEXTS,
    refusals=st.integers(0, 10**6),
    passed=st.integers(0, 10**6),
    trials=st.integers(0, 10**6),
    skipped=st.integers(0, 10**6),
    silent=st.integers(0, 10**9),
    paused=st.none() | TIMES,
    said=TEXTS,
    poem=TEXTS,
)
STANDINGS = st.builds(
    Standing,
    condition=st.sampled_from(Condition),
    trouble=TEXTS,
    kind=TEXTS,
    until=TIMES,
    failures=st.integers(0, 10**6),
    strikes=st.integers(0, 9),
    key_stamp=TEXTS,
    since=TIMES,
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """Return a fresh journal of each kind, on which two bots are claimed."""
    fresh: Journal
    if request.param == "memory":
        fresh = MemoryJournal()
    elif request.param == "sqlite":
        fresh = SqliteJournal(tmp_path / "flock.db")
    else:
        fresh = open_journal(request.getfixturevalue("postgres").new_database())
    with closing(fresh):
        fresh.claim([DOLLY, EWE])
        yield fresh


def say(journal: Journal, bot: str, n: int, intended: float, settled: float) -> None:
    """Note the `n`-th post of a bot, and that it was said."""
    journal.intend(bot, Place(n=n, intended=intended), "baa")
    journal.settle(bot, Settlement(n, 0, Outcome.SAID, settled), Place(n=n + 1))


class TestJournal:
    """The contract: read, intend, settle, keep, latest_posts."""

    def test_a_bot_that_never_posted_is_nowhere(self, journal: Journal) -> None:
        """Whether it is claimed or quite unknown."""
        assert journal.read(DOLLY) is None
        assert journal.read("x:stranger") is None

    def test_an_intent_is_open_until_it_is_settled(self, journal: Journal) -> None:
        """A crash between the two leaves the intent open."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        assert (UNDER_WAY, WELL) == journal.read(DOLLY)
        after = HERE._replace(n=8, piece=0, saying=None)
        journal.settle(DOLLY, Settlement(7, 1, Outcome.SAID, 11.0, post_id="100"), after)
        assert (after, WELL) == journal.read(DOLLY)

    def test_an_intent_needs_its_time(self, journal: Journal) -> None:
        """Without it, a crash would leave a post behind of which the next process knows nothing."""
        with pytest.raises(Unstorable, match=r"place\.intended"):
            journal.intend(DOLLY, HERE, "baa")
        assert journal.read(DOLLY) is None
        assert [] == journal.latest_posts(9)

    def test_one_bots_posts_are_not_anothers(self, journal: Journal) -> None:
        """Each bot has its own place."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        assert journal.read(EWE) is None
        journal.intend(EWE, UNDER_WAY._replace(n=1), "baa")
        assert [(UNDER_WAY, WELL), (UNDER_WAY._replace(n=1), WELL)] == [journal.read(bot) for bot in (DOLLY, EWE)]

    def test_an_intent_may_be_noted_again(self, journal: Journal) -> None:
        """After a withdrawal the same post is tried again."""
        for at in (10.0, 20.0):
            journal.intend(DOLLY, HERE._replace(intended=at), "baa")
            journal.settle(DOLLY, Settlement(7, 1, Outcome.WITHDRAWN, at), HERE)
        journal.intend(DOLLY, HERE._replace(intended=30.0), "baa")
        journal.settle(DOLLY, Settlement(7, 1, Outcome.SAID, 31.0), HERE)
        assert [31.0] == journal.latest_posts(9)

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_what_was_or_may_have_been_posted_counts(self, journal: Journal, outcome: Outcome) -> None:
        """Said and unknown posts count against a day's allowance; skipped and withdrawn ones do not."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        journal.settle(DOLLY, Settlement(7, 1, outcome, 11.0), HERE)
        expected = [11.0] if outcome in (Outcome.SAID, Outcome.UNKNOWN) else []
        assert expected == journal.latest_posts(9)

    def test_an_open_intent_counts_for_it_may_have_been_posted(self, journal: Journal) -> None:
        """At the time when it was intended."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        assert [10.0] == journal.latest_posts(9)
        assert [10.0] == journal.latest_posts(9, DOLLY)

    def test_the_latest_posts_are_told_oldest_first(self, journal: Journal) -> None:
        """Of one bot or of all, as many as were asked for."""
        for n, at in enumerate((10.0, 20.0, 30.0)):
            say(journal, DOLLY, n, at, at)
            say(journal, EWE, n, at, at - 5)
        assert [20.0, 30.0] == journal.latest_posts(2, DOLLY)
        assert [5.0, 15.0, 25.0] == journal.latest_posts(9, EWE)
        assert [20.0, 25.0, 30.0] == journal.latest_posts(3)
        assert [] == journal.latest_posts(0)
        assert [] == journal.latest_posts(9, "x:stranger")

    def test_posts_are_told_in_the_order_of_time(self, journal: Journal) -> None:
        """Also where somebody set the clock back between two of them."""
        for n, at in enumerate((30.0, 10.0, 20.0)):
            say(journal, DOLLY, n, at, at)
        assert [10.0, 20.0, 30.0] == journal.latest_posts(9)

    def test_the_latest_posts_of_a_bot_are_the_last_in_its_order(self, journal: Journal) -> None:
        """The clock may be set back between them: then the earlier times are those of later posts."""
        for n, at in enumerate((30.0, 40.0, 10.0, 20.0)):
            say(journal, DOLLY, n, at, at)
        assert [10.0, 20.0, 40.0] == journal.latest_posts(3, DOLLY)

    def test_a_new_bot_may_be_kept(self, journal: Journal) -> None:
        """It met with trouble before its first post: it has no intent, and none is made."""
        journal.keep(DOLLY, HERE, AILING)
        assert (HERE, AILING) == journal.read(DOLLY)
        assert [] == journal.latest_posts(9)

    def test_keeping_a_place_without_an_intent_withdraws_the_open_one(self, journal: Journal) -> None:
        """The post is surely not out: it does not count, and the next process need not look for it."""
        say(journal, DOLLY, 6, 8.0, 9.0)
        journal.intend(DOLLY, UNDER_WAY, "baa")
        journal.intend(EWE, UNDER_WAY, "baa")
        assert [9.0, 10.0] == journal.latest_posts(9, DOLLY)
        journal.keep(DOLLY, HERE, AILING)
        assert (HERE, AILING) == journal.read(DOLLY)
        assert [9.0] == journal.latest_posts(9, DOLLY)
        assert [9.0, 10.0] == journal.latest_posts(9)
        assert (UNDER_WAY, WELL) == journal.read(EWE)

    def test_keeping_a_place_with_an_intent_leaves_it_open(self, journal: Journal) -> None:
        """No answer told whether the post is out: it counts, and is looked for."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        journal.keep(DOLLY, UNDER_WAY, AILING)
        assert (UNDER_WAY, AILING) == journal.read(DOLLY)
        assert [10.0] == journal.latest_posts(9, DOLLY)
        journal.settle(DOLLY, Settlement(7, 1, Outcome.SAID, 11.0), HERE)
        assert [11.0] == journal.latest_posts(9, DOLLY)

    @pytest.mark.parametrize("outcome", [Outcome.SAID, Outcome.SKIPPED, Outcome.UNKNOWN])
    def test_keeping_withdraws_nothing_that_was_settled(self, journal: Journal, outcome: Outcome) -> None:
        """How a post ended stays as it is, also where the sheep has not moved on from it."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        journal.settle(DOLLY, Settlement(7, 1, outcome, 11.0), HERE)
        counted = journal.latest_posts(9)
        journal.keep(DOLLY, HERE, AILING)
        assert counted == journal.latest_posts(9)

    def test_a_withdrawn_intent_may_be_noted_again(self, journal: Journal) -> None:
        """The same post is tried again later, and counts once."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        journal.keep(DOLLY, HERE, AILING)
        journal.intend(DOLLY, HERE._replace(intended=20.0), "baa")
        assert [20.0] == journal.latest_posts(9)
        journal.settle(DOLLY, Settlement(7, 1, Outcome.SAID, 21.0), HERE)
        assert [21.0] == journal.latest_posts(9)

    def test_an_intent_leaves_the_standing(self, journal: Journal) -> None:
        """A try is no success: after a crash the sheep backs off as before."""
        journal.keep(DOLLY, HERE, AILING)
        journal.intend(DOLLY, UNDER_WAY, "baa")
        assert (UNDER_WAY, AILING) == journal.read(DOLLY)

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_settling_clears_the_standing(self, journal: Journal, outcome: Outcome) -> None:
        """A post that has ended shows that the sheep fares well."""
        journal.keep(DOLLY, HERE, AILING)
        journal.intend(DOLLY, UNDER_WAY, "baa")
        journal.settle(DOLLY, Settlement(7, 1, outcome, 11.0), HERE)
        assert (HERE, WELL) == journal.read(DOLLY)

    def test_a_bot_may_be_claimed_again_by_its_own_process(self, journal: Journal) -> None:
        """The shepherd claims the flock, and each sheep itself."""
        journal.intend(DOLLY, UNDER_WAY, "baa")
        journal.claim([DOLLY])
        journal.claim([])
        assert (UNDER_WAY, WELL) == journal.read(DOLLY)

    def test_a_bot_is_known_by_its_account(self, journal: Journal) -> None:
        """By the name that the account had first; another account of that name is another bot."""
        journal.claim(["x:lamb", "x:ram"], {"x:lamb": "x:1"})

        assert "x:lamb" == journal.identify("x:lamb", "x:1") == journal.identify("x:sheep", "x:1")
        assert "x:lamb" == journal.identify("x:lamb", None)
        assert "x:lamb (2)" == journal.identify("x:lamb", "x:2")
        assert "x:ram" == journal.identify("x:ram", "x:3")
        assert "x:sheep" == journal.identify("x:sheep", "x:4") == journal.identify("x:sheep", None)

        journal.claim(["x:lamb (2)"], {"x:lamb (2)": "x:2"})
        journal.claim(["x:lamb"], {"x:lamb": "x:9"})
        assert ["x:lamb", "x:lamb (2)"] == [journal.identify("x:lamb", account) for account in ("x:1", "x:2")]

    def test_an_account_may_become_known_after_the_claim(self, journal: Journal) -> None:
        """A bot keeps its name, gets the name that its account had, or is another account's namesake."""
        journal.claim(["x:lamb", "x:ram (unknown)", "x:hogget"], {"x:hogget": "x:3"})

        assert "x:lamb" == journal.recognize("x:lamb", "x:lamb", "x:1") == journal.identify("x:sheep", "x:1")
        assert "x:lamb" == journal.recognize("x:lamb", "x:lamb", "x:1")
        assert "x:hogget (2)" == journal.recognize("x:ram (unknown)", "x:hogget", "x:2")
        assert "x:hogget (2)" == journal.identify("x:sheep", "x:2")

    def test_two_bots_of_one_process_have_two_accounts(self, journal: Journal) -> None:
        """The second bot that says it is the account is refused, and nothing of it is noted."""
        journal.claim(["x:lamb", "x:ram"])
        journal.recognize("x:lamb", "x:lamb", "x:1")
        with pytest.raises(BotsTaken):
            journal.recognize("x:ram", "x:ram", "x:1")
        assert "x:ram" == journal.recognize("x:ram", "x:ram", "x:2")

    @settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(PLACES, STANDINGS, TIMES)
    def test_what_is_written_is_read_back(
        self, journal: Journal, place: Place, standing: Standing, intended: float
    ) -> None:
        """Every field of a place and of a standing, of whatever text and number, by each method that writes it."""
        journal.keep(DOLLY, place, standing)
        assert (place, standing) == journal.read(DOLLY)
        begun = place._replace(intended=intended)
        journal.intend(DOLLY, begun, "baa")
        assert (begun, standing) == journal.read(DOLLY)
        journal.settle(DOLLY, Settlement(place.n, place.piece, Outcome.SAID, 2.0), place)
        assert (place, WELL) == journal.read(DOLLY)

    def test_a_condition_is_read_back_as_one(self, journal: Journal) -> None:
        """The sheep compares it by identity."""
        journal.keep(DOLLY, HERE, AILING)
        kept = journal.read(DOLLY)
        assert kept
        assert kept[1].condition is Condition.PENNED


class TestLooks:
    """The contract: bots, counts, posts, posts_after, tally."""

    def test_each_bot_is_known_with_its_process(self, journal: Journal) -> None:
        """Also one of which nothing was written yet."""
        journal.keep(EWE, HERE, AILING)

        dolly, ewe = journal.bots()

        assert Record(DOLLY, holder=os.getpid(), since=dolly.since) == dolly
        assert Record(EWE, kept=(HERE, AILING), holder=os.getpid(), since=ewe.since) == ewe

    def test_a_bot_is_known_with_its_account(self, journal: Journal) -> None:
        """By which it is found again when it is called something else."""
        journal.claim(["x:shaun"], {"x:shaun": "x:42"})
        assert [None, None, "x:42"] == [each.account for each in journal.bots()]

    def test_the_latest_post_is_the_one_that_was_made(self, journal: Journal) -> None:
        """A refused one, one that is withdrawn and one under way come after it."""
        say(journal, DOLLY, 0, 1.0, 2.0)
        say(journal, DOLLY, 1, 3.0, 4.0)
        for n, outcome in ((2, Outcome.SKIPPED), (3, Outcome.WITHDRAWN)):
            journal.intend(DOLLY, Place(n=n, intended=5.0), "meh")
            journal.settle(DOLLY, Settlement(n, 0, outcome, 6.0), Place(n=3))
        journal.intend(DOLLY, Place(n=3, intended=7.0), "moo")

        assert [Noted(DOLLY, 1, 0, "baa", Outcome.SAID, 4.0), None] == [each.said for each in journal.bots()]

    def test_posts_are_told_with_how_they_ended(self, journal: Journal) -> None:
        """Those that were withdrawn, and those under way, are none."""
        for n, outcome in enumerate(Outcome):
            journal.intend(DOLLY, Place(n=n, piece=1, intended=float(n)), f"baa {n}")
            journal.settle(DOLLY, Settlement(n, 1, outcome, n + 0.5, f"id{n}", f"why {n}"), Place(n=n + 1))
        journal.intend(DOLLY, Place(n=9, intended=9.0), "moo")

        expected = [
            Noted(DOLLY, n, 1, f"baa {n}", outcome, n + 0.5, f"id{n}", f"why {n}")
            for n, outcome in enumerate(Outcome)
            if outcome is not Outcome.WITHDRAWN
        ]
        assert expected == journal.posts()
        assert expected[1:] == journal.posts(1.5)

    def test_the_counts_tell_which_bots_have_moved(self, journal: Journal) -> None:
        """A post under way does not count; a bot that has said nothing has made none."""
        before = journal.counts()
        say(journal, EWE, 0, 1.0, 2.0)
        journal.intend(EWE, Place(n=1, intended=3.0), "moo")

        assert ({DOLLY: 0, EWE: 0}, {DOLLY: 0, EWE: 1}) == (before, journal.counts())

    def test_posts_of_all_bots_are_in_the_order_of_time(self, journal: Journal) -> None:
        """Those of one bot keep their own order when the clock is set back."""
        say(journal, DOLLY, 0, 1.0, 100.0)
        say(journal, EWE, 0, 1.0, 50.0)
        say(journal, DOLLY, 1, 1.0, 20.0)

        assert [(EWE, 0), (DOLLY, 0), (DOLLY, 1)] == [(post.bot, post.n) for post in journal.posts()]

    def test_posts_after_are_those_that_came_since(self, journal: Journal) -> None:
        """Of the bots that are named; an unknown one has none."""
        for n in range(3):
            say(journal, DOLLY, n, n, n)
            say(journal, EWE, n, n, n)

        after = journal.posts_after({DOLLY: 1, "x:stranger": -1})
        everything = journal.posts_after({EWE: -1})

        assert [(DOLLY, 2)] == [(post.bot, post.n) for post in after]
        assert [(EWE, 0), (EWE, 1), (EWE, 2)] == [(post.bot, post.n) for post in everything]

    def test_the_tally_counts_each_text(self, journal: Journal) -> None:
        """What was or may have been posted since then."""
        for n in range(4):
            say(journal, DOLLY, n, n, n)
        for n, outcome in ((4, Outcome.UNKNOWN), (5, Outcome.SKIPPED)):
            journal.intend(DOLLY, Place(n=n, intended=float(n)), "moo")
            journal.settle(DOLLY, Settlement(n, 0, outcome, n), Place(n=n + 1))

        assert {DOLLY: {"baa": 2, "moo": 1}} == journal.tally(2.0)
        assert {} == journal.tally(9.0)

    @given(posts=st.lists(st.tuples(st.sampled_from([DOLLY, EWE]), TIMES)))
    def test_every_post_is_there_once(self, posts: list[tuple[str, float]]) -> None:
        """Whatever the times are; each bot's in its own order."""
        numbered = [Noted(bot, n, 0, "baa", Outcome.SAID, at) for n, (bot, at) in enumerate(posts)]
        found = in_order(numbered[::-1])

        assert sorted(numbered) == sorted(found)
        for bot in (DOLLY, EWE):
            own = [post.n for post in found if post.bot == bot]
            assert sorted(own) == own


class TestCommands:
    """The contract: give, commands, obey; and release."""

    def test_a_command_is_there_until_it_is_obeyed(self, journal: Journal) -> None:
        """In the order in which they were given, whoever was told."""
        assert [] == journal.commands()
        journal.give([DOLLY], Verb.FROM, 7, at=1.0)
        journal.give([EWE, DOLLY], Verb.PAUSE, at=2.0)

        first, *others = journal.commands()
        assert (DOLLY, Verb.FROM, 7, 1.0, "from 7") == (*first[1:], str(first))
        assert [(EWE, "pause"), (DOLLY, "pause")] == [(each.bot, str(each)) for each in others]
        assert journal.obey(first, DOLLY, HERE, WELL)
        assert others == journal.commands()

    def test_to_obey_moves_the_bot(self, journal: Journal) -> None:
        """Place and standing are what the sheep made of them, and nothing else of the bots changes."""
        journal.keep(EWE, HERE, AILING)
        journal.give([DOLLY], Verb.SKIP, at=1.0)
        (command,) = journal.commands()

        assert journal.obey(command, DOLLY, HERE, AILING)

        assert [(HERE, AILING)] * 2 == [journal.read(bot) for bot in (DOLLY, EWE)]

    def test_a_command_is_obeyed_once(self, journal: Journal) -> None:
        """The second attempt writes nothing: it was handed over before it was obeyed."""
        journal.give([DOLLY], Verb.SKIP, at=1.0)
        (command,) = journal.commands()
        assert journal.obey(command, DOLLY, HERE, WELL)
        journal.give([DOLLY], Verb.SKIP, at=2.0)  # may have the number of the other one

        assert not journal.obey(command, DOLLY, HERE._replace(line=9), WELL)

        assert (HERE, WELL) == journal.read(DOLLY)
        assert [2.0] == [each.given for each in journal.commands()]
        journal.keep(DOLLY, HERE._replace(n=9), WELL)
        assert (HERE._replace(n=9), WELL) == journal.read(DOLLY)

    def test_to_obey_withdraws_an_intent_that_the_place_does_not_have(self, journal: Journal) -> None:
        """It does not count as posted, also where the next post has another number; another intent stays."""
        for bot in (DOLLY, EWE):
            journal.intend(bot, UNDER_WAY, "baa")
        journal.give([DOLLY, EWE], Verb.PAUSE, at=1.0)
        skip, pause = journal.commands()

        assert journal.obey(skip, DOLLY, HERE._replace(n=8, piece=0, saying=None), WELL)
        assert journal.obey(pause, EWE, UNDER_WAY._replace(paused=2.0), WELL)

        assert [[], [10.0]] == [journal.latest_posts(9, bot) for bot in (DOLLY, EWE)]

    def test_a_bot_that_never_was_may_be_told(self, journal: Journal) -> None:
        """Its first flock obeys. It is nowhere before that."""
        journal.give(["x:lamb"], Verb.PAUSE, at=1.0)
        assert journal.read("x:lamb") is None
        journal.claim(["x:lamb"])
        (command,) = journal.commands()
        assert journal.obey(command, "x:lamb", HERE, WELL)
        assert (HERE, WELL) == journal.read("x:lamb")

    def test_a_command_follows_the_bot_to_its_account(self, journal: Journal) -> None:
        """It was told before the network had said which account it is."""
        journal.claim(["x:ram (unknown)", "x:hogget"], {"x:hogget": "x:3"})
        journal.give(["x:ram (unknown)"], Verb.NOW, at=1.0)

        known = journal.recognize("x:ram (unknown)", "x:hogget", "x:2")

        assert [known] == [each.bot for each in journal.commands()]

    def test_many_bots_are_told_together(self, journal: Journal) -> None:
        """By one write."""
        bots = [f"x:bot{number}" for number in range(1000)]
        journal.give(bots, Verb.RESUME, at=1.0)
        assert [Command(number, bot, Verb.RESUME, None, 1.0) for number, bot in enumerate(bots, 1)] == [
            *journal.commands()
        ]

    def test_a_bot_that_is_released_may_be_claimed_again(self, journal: Journal) -> None:
        """Its place is what it was. To release what was never claimed changes nothing."""
        journal.keep(DOLLY, HERE, WELL)
        journal.release([DOLLY, "x:stranger"])
        journal.release([DOLLY])
        journal.claim([DOLLY])
        assert (HERE, WELL) == journal.read(DOLLY)
        journal.keep(DOLLY, HERE._replace(n=8), WELL)
        assert {} == journal.holders([DOLLY, EWE])
