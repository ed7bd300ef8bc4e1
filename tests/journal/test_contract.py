"""What every journal does, whichever it is."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flock.journal import Journal, MemoryJournal, Outcome, Record, Settlement, SqliteJournal

DOLLY, EWE = "x:dolly", "x:ewe"
RECORD = Record(
    DOLLY, n=7, line=2, piece=1, recitations=3, due=1234.5, saying="Μῆνιν 羊 🐑", next_line="baa", last_id="99"
)

RECORDS = st.builds(
    Record,
    bot=st.just(DOLLY),
    n=st.integers(0, 2**62),
    line=st.integers(0, 10**6),
    piece=st.integers(0, 1000),
    recitations=st.integers(0, 10**9),
    due=st.floats(0, 1e12),
    saying=st.none() | st.text(st.characters(codec="utf-8")),
    next_line=st.text(st.characters(codec="utf-8")),
    last_id=st.none() | st.text(st.characters(codec="utf-8")),
    wake=st.floats(0, 1e12),
    failures=st.integers(0, 10**6),
    strikes=st.integers(0, 9),
    penned=st.text(st.characters(codec="utf-8")),
    key_stamp=st.text(st.characters(codec="utf-8")),
)


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """Return a fresh journal of each kind, on which two bots are claimed."""
    fresh: Journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "flock.db")
    with closing(fresh):
        fresh.claim([DOLLY, EWE])
        yield fresh


class TestJournal:
    """The contract: read, intend, settle, keep, latest_posts."""

    def test_a_bot_that_never_spoke_is_nowhere(self, journal: Journal) -> None:
        """Whether it is claimed or quite unknown."""
        assert journal.read(DOLLY) is None
        assert journal.read("x:stranger") is None

    def test_an_intent_is_unsure_until_it_is_settled(self, journal: Journal) -> None:
        """A crash between the two leaves the doubt."""
        journal.intend(RECORD, "baa", 10.0)
        assert RECORD._replace(unsure=True) == journal.read(DOLLY)
        after = RECORD._replace(n=8, piece=0, saying=None)
        journal.settle(Settlement(7, 1, Outcome.SAID, 11.0, post_id="100"), after)
        assert after == journal.read(DOLLY)

    def test_one_bots_doings_are_not_anothers(self, journal: Journal) -> None:
        """Each bot has its own place."""
        journal.intend(RECORD, "baa", 10.0)
        assert journal.read(EWE) is None
        journal.intend(RECORD._replace(bot=EWE, n=1), "baa", 10.0)
        assert [7, 1] == [record.n for bot in (DOLLY, EWE) if (record := journal.read(bot))]

    def test_an_intent_may_be_noted_again(self, journal: Journal) -> None:
        """After a withdrawal the same tweet is tried again."""
        for at in (10.0, 20.0):
            journal.intend(RECORD, "baa", at)
            journal.settle(Settlement(7, 1, Outcome.WITHDRAWN, at), RECORD)
        journal.intend(RECORD, "baa", 30.0)
        journal.settle(Settlement(7, 1, Outcome.SAID, 31.0), RECORD)
        assert [31.0] == journal.latest_posts(9)

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_what_was_or_may_have_been_posted_counts(self, journal: Journal, outcome: Outcome) -> None:
        """Said and unknown tweets count against a day's allowance; skipped and withdrawn ones do not."""
        journal.intend(RECORD, "baa", 10.0)
        journal.settle(Settlement(7, 1, outcome, 11.0), RECORD)
        expected = [11.0] if outcome in (Outcome.SAID, Outcome.UNKNOWN) else []
        assert expected == journal.latest_posts(9)

    def test_an_open_intent_counts_for_it_may_have_been_posted(self, journal: Journal) -> None:
        """At the time when it was intended."""
        journal.intend(RECORD, "baa", 10.0)
        assert [10.0] == journal.latest_posts(9)

    def test_the_latest_posts_are_told_oldest_first(self, journal: Journal) -> None:
        """Of one bot or of all, as many as were asked for."""
        for n, at in enumerate((10.0, 20.0, 30.0)):
            for bot in (DOLLY, EWE):
                journal.intend(Record(bot, n=n), "baa", at)
                journal.settle(Settlement(n, 0, Outcome.SAID, at - (5 if bot == EWE else 0)), Record(bot, n=n + 1))
        assert [20.0, 30.0] == journal.latest_posts(2, DOLLY)
        assert [5.0, 15.0, 25.0] == journal.latest_posts(9, EWE)
        assert [20.0, 25.0, 30.0] == journal.latest_posts(3)
        assert [] == journal.latest_posts(0)
        assert [] == journal.latest_posts(9, "x:stranger")

    def test_posts_are_told_in_the_order_of_time(self, journal: Journal) -> None:
        """Also where somebody set the clock back between two of them."""
        for n, at in enumerate((30.0, 10.0, 20.0)):
            journal.intend(Record(DOLLY, n=n), "baa", at)
            journal.settle(Settlement(n, 0, Outcome.SAID, at), Record(DOLLY, n=n + 1))
        assert [10.0, 20.0, 30.0] == journal.latest_posts(9)

    def test_the_latest_posts_of_a_bot_are_the_last_in_its_order(self, journal: Journal) -> None:
        """The clock may be set back between them: then the earlier times are those of later posts."""
        for n, at in enumerate((30.0, 40.0, 10.0, 20.0)):
            journal.intend(Record(DOLLY, n=n), "baa", at)
            journal.settle(Settlement(n, 0, Outcome.SAID, at), Record(DOLLY, n=n + 1))
        assert [10.0, 20.0, 40.0] == journal.latest_posts(3, DOLLY)

    @pytest.mark.parametrize("unsure", [True, False])
    def test_keeping_leaves_the_doubt_as_it_is(self, journal: Journal, unsure: bool) -> None:
        """How a sheep fares is noted, whether or not its tweet is out; a new sheep is in no doubt."""
        ailing = RECORD._replace(wake=99.0, failures=3, strikes=1, penned="suspended", key_stamp="1/2")
        journal.keep(ailing)
        assert ailing == journal.read(DOLLY)
        journal.intend(RECORD, "baa", 10.0)
        if not unsure:
            journal.settle(Settlement(7, 1, Outcome.WITHDRAWN, 11.0), RECORD)
        journal.keep(ailing)
        assert ailing._replace(unsure=unsure) == journal.read(DOLLY)

    def test_a_bot_may_be_claimed_again_by_its_own_process(self, journal: Journal) -> None:
        """The shepherd claims the flock, and each sheep itself."""
        journal.intend(RECORD, "baa", 10.0)
        journal.claim([DOLLY])
        journal.claim([])
        assert RECORD._replace(unsure=True) == journal.read(DOLLY)

    @settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(RECORDS)
    def test_any_place_is_kept_as_it_is(self, journal: Journal, record: Record) -> None:
        """Every field of a record comes back, whatever text and numbers it holds."""
        journal.intend(record, "baa", 1.0)
        assert record._replace(unsure=True) == journal.read(DOLLY)
        journal.settle(Settlement(record.n, record.piece, Outcome.SAID, 2.0), record)
        assert record._replace(unsure=False) == journal.read(DOLLY)
