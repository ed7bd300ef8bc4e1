"""A post is made once, whatever the network and the journal answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flock.clock import VirtualClock
from flock.errors import (
    Duplicate,
    JournalError,
    NetworkError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    TooLong,
    Unauthorized,
    Unavailable,
)
from flock.events import Event, Said, Skipped, Unsure
from flock.journal import WELL, Condition, MemoryJournal, Outcome, Place, Settlement, Standing
from flock.networks.base import Intent, Post, Reply
from flock.networks.scripted import ScriptedNetwork
from flock.sheep.delivery import Delivery, is_newer, token_of
from flock.sheep.recovery import LANDING, UNDER_WAY

BOT = "x:dolly"
TEXT = "Roll call at four & the dark: baa"
NOW = 1000.0  # the wall-clock time; the steady time is 400 seconds behind
AHEAD = 400.0
HERE = Place(n=3, line=1, due=NOW - AHEAD, next_line=TEXT, last_id="7")
THERE = Place(n=4, line=2, due=NOW - AHEAD + 60, next_line="the next line")
NO_ANSWER = OutcomeUnknown("no answer")
ABOUT = {"line": 1, "lines": 4, "age": 0.25, "late": 0.0}


class Diary(MemoryJournal):
    """A journal that lists the calls that wrote to it, in order; it raises the `errors` of those to come."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.errors: list[JournalError | None] = []

    def intend(self, bot: str, place: Place, text: str) -> None:
        self._note(f"intend {place.n} {place.piece} at {place.intended}: {text}")
        super().intend(bot, place, text)

    def settle(self, bot: str, settlement: Settlement, place: Place) -> None:
        self._note(f"settle {settlement.n} {settlement.piece} at {settlement.at}: {settlement.outcome}")
        super().settle(bot, settlement, place)

    def keep(self, bot: str, place: Place, standing: Standing) -> None:
        self._note(f"keep {place.n} {place.piece}, intended {place.intended}: {standing.kind}")
        super().keep(bot, place, standing)

    def _note(self, call: str) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error
        self.calls.append(call)


class Slow(ScriptedNetwork):
    """A network that answers no post for 30 seconds."""

    def post(self, text: str, intent: Intent | None = None) -> str:
        assert isinstance(self.clock, VirtualClock)
        self.clock.advance_to(self.clock.now() + 30)
        return super().post(text, intent)


class Desk:
    """A delivery, and what it works with."""

    def __init__(self, *trouble: NetworkError | None, place: Place = HERE, is_open: bool = False) -> None:
        self.clock = VirtualClock(NOW - AHEAD)
        self.clock.skew = AHEAD
        self.network = ScriptedNetwork(
            clock=self.clock, refuses_duplicates=True, trouble=list(trouble), timeline=(), first_id=12
        )
        self.journal = Diary()
        self.events: list[Event] = []
        if is_open:
            place = place._replace(intended=NOW - 100, saying=TEXT)
        self.delivery = Delivery(
            place,
            bot=BOT,
            name="dolly",
            network=self.network,
            journal=self.journal,
            clock=self.clock,
            tell=self.events.append,
        )

    def deliver(self, text: str = TEXT) -> Outcome:
        """Post the text; the next place is the same for every post, but for the id and the refusals."""
        return self.delivery.deliver(text, line=text, onward=self._onward, about=ABOUT)

    def pass_time(self, seconds: float = LANDING) -> None:
        """Let so much time pass: as long as a post may need to land."""
        self.clock.advance_to(self.clock.now() + seconds)

    def _onward(self, here: Place, post_id: str | None) -> Place:
        assert here.intended is None
        return THERE._replace(last_id=post_id or here.last_id, refusals=here.refusals)

    @property
    def place(self) -> Place:
        return self.delivery.place

    @property
    def kept(self) -> tuple[Place, Standing] | None:
        return self.journal.read(BOT)


def test_a_post_is_intended_then_made_then_settled_then_told() -> None:
    """The journal knows of a post before the network does, and of its end before the observers."""
    desk = Desk()

    assert Outcome.SAID is desk.deliver()

    assert [TEXT] == desk.network.posts
    assert [f"intend 3 0 at {NOW}: {TEXT}", f"settle 3 0 at {NOW}: said"] == desk.journal.calls
    assert [Said(at=NOW, bot="dolly", text=TEXT, n=3, post_id="12", service="a script", **ABOUT)] == desk.events  # type: ignore[arg-type]
    assert THERE._replace(last_id="12") == desk.place


def test_a_post_was_not_begun_in_the_future() -> None:
    """Where it seems so, the clock was set back since; the post was begun just now, for all that is known."""
    assert NOW == Desk(place=HERE._replace(intended=NOW + 3600, saying=TEXT)).place.intended
    assert NOW - 1 == Desk(place=HERE._replace(intended=NOW - 1, saying=TEXT)).place.intended


def test_the_journal_keeps_the_due_time_in_wall_clock_time() -> None:
    """The steady time means nothing to the next process."""
    desk = Desk()

    desk.deliver()

    assert (THERE._replace(last_id="12", due=NOW + 60), WELL) == desk.kept


def test_how_a_sheep_fares_is_kept_in_wall_clock_time() -> None:
    """A standing that has no end keeps none."""
    desk = Desk()

    desk.delivery.keep(Standing(Condition.WAITING, kind="RateLimited", until=NOW - AHEAD + 900))
    assert desk.kept
    assert NOW + 900 == desk.kept[1].until

    desk.delivery.keep(WELL)
    assert 0.0 == desk.kept[1].until


def test_a_post_that_cannot_be_intended_is_not_made() -> None:
    """Without a journal nothing may be posted, and no post is in doubt."""
    desk = Desk()
    desk.journal.errors = [JournalError("the disk is full")]

    with pytest.raises(JournalError):
        desk.deliver()

    assert [] == desk.network.tries
    assert (HERE, False) == (desk.place, desk.delivery.owes)


def test_a_settlement_that_fails_is_owed_and_told_once_it_is_written() -> None:
    """The post is out: it is neither made again nor told twice, and not told before it is settled."""
    desk = Desk()
    desk.journal.errors = [None, JournalError("the disk is full"), JournalError("the disk is full")]

    with pytest.raises(JournalError):
        desk.deliver()
    with pytest.raises(JournalError):
        desk.delivery.settle()
    assert (True, []) == (desk.delivery.owes, desk.events)
    assert (HERE.n, NOW) == (desk.place.n, desk.place.intended)

    desk.clock.advance_to(desk.clock.now() + 500)
    desk.delivery.settle()
    desk.delivery.settle()

    assert ([TEXT], False) == (desk.network.posts, desk.delivery.owes)
    assert [(NOW, "12")] == [(event.at, event.post_id) for event in desk.events if isinstance(event, Said)]
    assert f"settle 3 0 at {NOW}: said" == desk.journal.calls[-1]
    assert THERE._replace(last_id="12") == desk.place


def test_an_unanswered_post_that_is_in_the_timeline_was_made() -> None:
    """Only posts after the last known one are asked for, and nothing is posted again."""
    desk = Desk(NO_ANSWER)
    desk.network.timeline = [Post("9", "other"), Post("8", TEXT)]
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    assert NOW == desk.place.intended
    desk.pass_time()

    assert Outcome.SAID is desk.deliver()

    assert (1, ["7"]) == (len(desk.network.tries), desk.network.asked)
    assert "8" == desk.place.last_id
    assert 2 == len(desk.journal.calls)


def test_an_unanswered_post_that_is_not_in_the_timeline_is_made_again() -> None:
    """The intent that is open in the journal covers the repeat."""
    desk = Desk(NO_ANSWER)
    desk.network.timeline = [Post("8", "another line")]
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    desk.pass_time()

    assert Outcome.SAID is desk.deliver()

    assert (2, [TEXT]) == (len(desk.network.tries), desk.network.posts)
    assert ["intend", "keep", "settle"] == [call.split()[0] for call in desk.journal.calls]


def test_a_post_without_an_answer_is_looked_for_after_ten_seconds() -> None:
    """Until then it may be on its way; the network is asked nothing, however often the sheep tries."""
    desk = Desk(NO_ANSWER)
    desk.network.timeline = [Post("8", TEXT)]
    for seconds in (0.0, 0.0, 5.0, 4.9):
        desk.pass_time(seconds)
        with pytest.raises(OutcomeUnknown):
            desk.deliver()
    assert (1, []) == (len(desk.network.tries), desk.network.asked)
    assert desk.clock.now() + 0.1 == pytest.approx(desk.delivery.looks_at)

    desk.pass_time(0.1)

    assert Outcome.SAID is desk.deliver()
    assert (1, ["7"]) == (len(desk.network.tries), desk.network.asked)
    assert 0.0 == desk.delivery.looks_at


def test_a_repeat_without_an_answer_gets_ten_seconds_of_its_own() -> None:
    """It may be on its way as the first attempt was; it is made only after a look that did not find the post."""
    desk = Desk(NO_ANSWER, NO_ANSWER)
    for tries in (1, 2):
        with pytest.raises(OutcomeUnknown):
            desk.deliver()
        assert (tries, tries - 1) == (len(desk.network.tries), len(desk.network.asked))
        assert desk.clock.now() + LANDING == desk.delivery.looks_at
        desk.pass_time()

    assert Outcome.SAID is desk.deliver()
    assert (3, 2) == (len(desk.network.tries), len(desk.network.asked))


def test_a_kill_during_a_repeat_leaves_it_the_time_to_land() -> None:
    """Ten seconds from the start of the next process, while the request may still be under way."""
    desk = Desk(NO_ANSWER, NO_ANSWER)
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    desk.pass_time(1000)
    with pytest.raises(OutcomeUnknown):
        desk.deliver()  # which a kill ends: the sheep writes nothing after it

    assert desk.kept
    place, standing = desk.kept
    assert NOW + 1000 + UNDER_WAY == standing.until
    for later, expected in ((UNDER_WAY - 11, 10), (UNDER_WAY - 1, 1), (UNDER_WAY, 0)):
        again = Desk()
        again.clock.advance_to(NOW - AHEAD + 1000 + later)
        again.delivery.resume(place, standing.until - AHEAD)
        assert again.clock.now() + expected == again.delivery.looks_at


def test_the_ten_seconds_count_from_the_failure() -> None:
    """An answer that did not come within 30 seconds: the request may have got through a moment ago."""
    desk = Desk()
    desk.network = Slow(clock=desk.clock, timeline=[Post("8", TEXT)], always=NO_ANSWER)
    desk.delivery.network = desk.network
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    assert NOW - AHEAD + 30 == desk.clock.now()
    assert NOW - AHEAD + 30 + LANDING == desk.delivery.looks_at
    desk.pass_time(LANDING - 0.1)
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    assert [] == desk.network.asked

    desk.pass_time(0.1)

    assert Outcome.SAID is desk.deliver()
    assert ["7"] == desk.network.asked


@pytest.mark.parametrize(("until", "expected"), [(0.0, 0.0), (4.0, 4.0), (10.0, 10.0), (900.0, 10.0), (-5.0, 0.0)])
def test_a_failure_that_the_last_run_saw_is_not_looked_at_too_soon(until: float, expected: float) -> None:
    """It would not have tried again before `until`, whichever seconds the request had taken."""
    desk = Desk()
    desk.delivery.resume(HERE._replace(intended=NOW - 35, saying=TEXT), NOW - AHEAD + until)
    assert NOW - AHEAD + expected == desk.delivery.looks_at


@pytest.mark.parametrize(
    ("seconds_ago", "expected"),
    [(0.0, 10.0), (69.9, 10.0), (70.0, 0.0), (100.0, 0.0), (-3.0, 10.0), (-3600.0, 10.0)],
)
def test_after_a_kill_the_ten_seconds_count_from_the_start(seconds_ago: float, expected: float) -> None:
    """The request may have hung for a minute, until the process was killed. Never more, also where the clock was
    set back since."""
    place = HERE._replace(intended=NOW - seconds_ago, saying=TEXT)
    desk = Desk(place=place)

    assert NOW - AHEAD + expected == desk.delivery.looks_at

    desk.pass_time(expected)
    desk.deliver()
    assert ["7"] == desk.network.asked


@pytest.mark.parametrize("post_id", ["7", "6", "0", "007"])
def test_an_answer_that_names_an_earlier_post_is_not_believed(post_id: str) -> None:
    """It belongs to another request; whether this post is out, the account's latest posts tell."""
    desk = Desk()
    desk.network.first_id = int(post_id)

    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    desk.network.timeline = [Post("8", TEXT), Post("7", "the line before")]
    desk.pass_time()

    assert Outcome.SAID is desk.deliver()
    assert (1, "8") == (len(desk.network.tries), desk.place.last_id)
    assert 1 == len(desk.events)


@pytest.mark.parametrize(("refuses_duplicates", "tries"), [(True, 3), (False, 2)])
def test_a_repeat_whose_answer_names_an_earlier_post_is_no_second_post(
    *, refuses_duplicates: bool, tries: int
) -> None:
    """Where nothing refuses a further repeat, the sheep goes on."""
    desk = Desk(None, None, Duplicate("said already"))
    desk.network.first_id = 1
    desk.network.refuses_duplicates = refuses_duplicates

    ended: list[Outcome] = []
    while not ended:
        try:
            ended.append(desk.deliver())
        except OutcomeUnknown:
            desk.pass_time()

    assert tries == len(desk.network.tries)
    assert [Outcome.SAID if refuses_duplicates else Outcome.UNKNOWN] == ended


@pytest.mark.parametrize("last_id", [None, "7", "an id that is not listed"])
@pytest.mark.parametrize(
    ("age", "expected"), [(None, 1), (-3.0, 1), (10.0, 1), (70.0, 1), (70.1, 2), (7 * 86400.0, 2)]
)
def test_a_post_of_before_the_intent_is_not_the_one_that_is_looked_for(
    age: float | None, expected: int, last_id: str | None
) -> None:
    """The same line of last week: its age tells, within a minute, where its id does not."""
    desk = Desk(NO_ANSWER, place=HERE._replace(last_id=last_id))
    desk.network.timeline = [Post("8", TEXT, age)]
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    desk.pass_time(10.0)

    assert Outcome.SAID is desk.deliver()
    assert expected == len(desk.network.tries)


def test_a_refrain_is_told_from_its_latest_answer() -> None:
    """Both are in the timeline; the one that is younger than the intent counts."""
    desk = Desk(NO_ANSWER, place=HERE._replace(last_id=None))
    desk.network.timeline = [Post("x", "another line", 5.0), Post("y", TEXT, 9.0), Post("z", TEXT, 600.0)]
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    desk.pass_time()

    assert Outcome.SAID is desk.deliver()
    assert (1, "y") == (len(desk.network.tries), desk.place.last_id)


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
def test_a_clock_that_is_set_does_not_make_a_post_older(skew: float) -> None:
    """While the flock runs, steady time tells how long ago the intent was."""
    desk = Desk(NO_ANSWER)
    desk.network.timeline = [Post("8", TEXT, 9.0)]
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    desk.clock.skew += skew
    desk.pass_time()

    assert Outcome.SAID is desk.deliver()
    assert 1 == len(desk.network.tries)


@pytest.mark.parametrize(
    ("intended_at", "age", "expected"),
    [(NOW - 600, 599.0, 0), (NOW - 600, 700.0, 1), (NOW + 3600, 7200.0, 0)],
)
def test_after_a_restart_the_journal_tells_how_old_the_intent_is(
    intended_at: float, age: float, expected: int
) -> None:
    """Where the clock was set back since, so that the intent lies ahead, the age of a post tells nothing."""
    token = token_of(BOT, HERE, intended_at)
    place = HERE._replace(intended=min(NOW, intended_at), token=token, saying=TEXT, last_id=None)
    desk = Desk(place=place)
    desk.network.timeline = [Post("8", TEXT, age)]
    desk.pass_time()

    assert Outcome.SAID is desk.deliver()
    assert expected == len(desk.network.tries)


@pytest.mark.parametrize("ids", [("9", "7", "5"), ("y", "7", "x"), ("9", "6", "5"), ("11", "10", "9")])
def test_the_same_line_of_an_earlier_recitation_is_not_this_one(ids: tuple[str, str, str]) -> None:
    """A network that shows more than it was asked for does not make the sheep lose a line."""
    newer, last, older = ids
    desk = Desk(place=HERE._replace(last_id=last if last == "10" else "7"), is_open=True)
    desk.network.timeline = [Post(newer, "another line"), Post(last, "the line before"), Post(older, TEXT)]

    desk.deliver()

    assert [TEXT] == desk.network.posts


def test_after_a_restart_an_open_intent_is_looked_for_first() -> None:
    """The process was killed while it posted; the post is found, so it is not made again."""
    desk = Desk(is_open=True)
    desk.network.timeline = [Post("8", TEXT)]

    assert Outcome.SAID is desk.deliver()

    assert [] == desk.network.tries
    assert [f"settle 3 0 at {NOW}: said"] == desk.journal.calls


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("wool &amp; wire", "wool & wire"),
        ("1 &lt; 2", "1 < 2"),
        ("see https://t.co/abc now", "see https://example.com/poem now"),
        ("baa ", "baa"),
    ],
)
def test_the_networks_copy_is_recognised(theirs: str, ours: str) -> None:
    """Networks escape HTML and shorten links."""
    desk = Desk(is_open=True)
    desk.network.timeline = [Post("8", theirs)]

    assert Outcome.SAID is desk.deliver(ours)

    assert [] == desk.network.tries


@pytest.mark.parametrize("refusal", [Refused("no"), Unauthorized("no"), RateLimited("later", until=2000.0)])
def test_where_the_timeline_is_refused_a_duplicate_means_that_the_post_was_made(refusal: NetworkError) -> None:
    """A network that refuses duplicates can be asked by posting again."""
    desk = Desk(Duplicate("said already"), is_open=True)
    desk.network.timeline = refusal

    assert Outcome.SAID is desk.deliver()

    assert (1, []) == (len(desk.network.tries), desk.network.posts)
    assert [None] == [event.post_id for event in desk.events if isinstance(event, Said)]
    assert "7" == desk.place.last_id


def test_where_nothing_can_tell_the_outcome_is_unknown_and_nothing_is_posted() -> None:
    """A line that may be lost is better than a line that is said twice; the event says why."""
    desk = Desk(is_open=True)
    desk.network.refuses_duplicates = False
    desk.network.timeline = Refused("not on your plan")

    assert Outcome.UNKNOWN is desk.deliver()

    why = "no answer, and the timeline cannot be read: not on your plan"
    assert [Unsure(at=NOW, bot="dolly", text=TEXT, n=3, why=why, service="a script")] == desk.events
    assert ([], THERE.n) == (desk.network.tries, desk.place.n)


@pytest.mark.parametrize(
    ("trouble", "refuses_duplicates"),
    [
        (RateLimited("later", until=2000.0), False),
        (Unavailable("down"), False),
        (Unavailable("down"), True),
        (OutcomeUnknown("no answer"), True),
    ],
)
def test_a_timeline_that_may_tell_later_is_asked_again_later(
    trouble: NetworkError, *, refuses_duplicates: bool
) -> None:
    """The intent stays open, and nothing is posted meanwhile."""
    desk = Desk(is_open=True)
    desk.network.refuses_duplicates = refuses_duplicates
    desk.network.timeline = trouble

    with pytest.raises(type(trouble)):
        desk.deliver()

    assert ([], []) == (desk.network.tries, desk.journal.calls)
    assert NOW - 100 == desk.place.intended


@pytest.mark.parametrize("refusal", [Duplicate("said already"), TooLong("too long"), Refused("no")])
def test_a_text_that_the_network_refuses_is_skipped(refusal: NetworkError) -> None:
    """So is a duplicate, where no earlier attempt was made."""
    desk = Desk(refusal)

    assert Outcome.SKIPPED is desk.deliver()

    assert [Skipped(at=NOW, bot="dolly", text=TEXT, n=3, why=str(refusal), service="a script")] == desk.events
    assert f"settle 3 0 at {NOW}: skipped" == desk.journal.calls[-1]


@pytest.mark.parametrize("refusal", [TooLong("too long"), Refused("no")])
def test_a_repeat_that_is_refused_leaves_the_first_attempt_in_doubt(refusal: NetworkError) -> None:
    """The first attempt may be out all the same."""
    desk = Desk(refusal, is_open=True)

    assert Outcome.UNKNOWN is desk.deliver()

    assert [str(refusal)] == [event.why for event in desk.events if isinstance(event, Unsure)]


def outcomes(desk: Desk, count: int) -> Sequence[Outcome]:
    """Post so many texts, and return how each ended."""
    return [desk.deliver() for _ in range(count)]


def test_a_second_refusal_in_a_row_holds_the_line() -> None:
    """The first one may be the text's fault; the second is more likely the network's."""
    desk = Desk(Refused("no"), Refused("no"))

    assert [Outcome.SKIPPED] == outcomes(desk, 1)
    with pytest.raises(Refused):
        desk.deliver()

    assert (2, None, TEXT) == (desk.place.refusals, desk.place.intended, desk.place.saying)
    assert 1 == len(desk.events)


def test_the_first_refusal_of_a_bot_without_a_post_holds_the_line() -> None:
    """Nothing says that the network would take any other text of it."""
    desk = Desk(Refused("no"), place=HERE._replace(last_id=None))

    with pytest.raises(Refused):
        desk.deliver()

    assert (1, None, TEXT) == (desk.place.refusals, desk.place.intended, desk.place.saying)


def test_the_refusals_in_a_row_are_kept_in_the_journal() -> None:
    """Else each process of a cron job would skip a line."""
    desk = Desk(Refused("no"))

    outcomes(desk, 1)

    assert desk.kept
    assert 1 == desk.kept[0].refusals


def test_a_post_that_was_made_ends_the_refusals_in_a_row() -> None:
    """Three refusals with posts between them skip three lines."""
    desk = Desk(Refused("no"), None, Refused("no"), None, Refused("no"))

    skipped, said = Outcome.SKIPPED, Outcome.SAID
    assert [skipped, said, skipped, said, skipped] == outcomes(desk, 5)


def test_after_a_refused_piece_the_next_place_is_told_that_the_line_has_ended() -> None:
    """What remains of it would make no sense."""
    desk, said = Desk(TooLong("186"), place=HERE._replace(saying=TEXT, piece=1)), []

    def onward(here: Place, post_id: str | None) -> Place:
        said.append(here.saying)
        return THERE

    desk.delivery.deliver(TEXT, line=TEXT, onward=onward, about={**ABOUT, "piece": 1, "pieces": 3})

    assert [None] == said
    assert [
        Skipped(at=NOW, bot="dolly", text=TEXT, n=3, why="186", piece=1, pieces=3, service="a script")
    ] == desk.events


@pytest.mark.parametrize("found", ["in the timeline", "as a duplicate"])
def test_a_post_that_is_found_to_be_made_ends_the_refusals_in_a_row(found: str) -> None:
    """The network accepted it, although no answer came."""
    answers = [Duplicate("said already")] if found == "as a duplicate" else []
    desk = Desk(*answers, Refused("no"), place=HERE._replace(refusals=2), is_open=True)
    desk.network.timeline = () if answers else [Post("8", TEXT)]

    assert [Outcome.SAID, Outcome.SKIPPED] == outcomes(desk, 2)


def test_too_long_is_skipped_however_many_refusals_came_before() -> None:
    """The text is to blame, not the network's rules."""
    desk = Desk(*[TooLong("186")] * 5, place=HERE._replace(refusals=3))

    assert [Outcome.SKIPPED] * 5 == outcomes(desk, 5)


@pytest.mark.parametrize("trouble", [Unavailable("down"), RateLimited("later"), Unauthorized("no")])
def test_a_post_that_surely_was_not_made_is_withdrawn(trouble: NetworkError) -> None:
    """The next process has nothing to look for; the line is kept as it was begun."""
    desk = Desk(trouble)

    with pytest.raises(type(trouble)):
        desk.deliver()
    desk.delivery.keep(Standing(Condition.BACKING_OFF, kind="Unavailable"))

    assert HERE._replace(saying=TEXT) == desk.place
    assert "keep 3 0, intended None: Unavailable" == desk.journal.calls[-1]
    assert [] == desk.journal.latest_posts(9)


def test_a_post_in_doubt_is_not_withdrawn() -> None:
    """That the repeat did not get through says nothing of the first attempt."""
    desk = Desk(NO_ANSWER, Unavailable("down"))
    for kind in (OutcomeUnknown, Unavailable):
        with pytest.raises(kind):
            desk.deliver()
        desk.pass_time()
    desk.delivery.keep(Standing(Condition.BACKING_OFF))

    assert NOW == desk.place.intended
    assert desk.kept
    assert NOW == desk.kept[0].intended
    assert [NOW] == desk.journal.latest_posts(9)


def test_a_bug_in_a_network_leaves_the_post_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is no NetworkError says nothing of whether the post was made, so it is looked for."""
    desk = Desk()

    def post(text: str, intent: Intent) -> str:
        raise AttributeError("post")

    with monkeypatch.context() as patch:
        patch.setattr(desk.network, "post", post)
        with pytest.raises(AttributeError):
            desk.deliver()
    desk.network.timeline = [Post("8", TEXT)]
    desk.pass_time()

    assert Outcome.SAID is desk.deliver()
    assert ([], ["7"]) == (desk.network.posts, desk.network.asked)


def test_posts_go_to_the_network_that_replaced_another() -> None:
    """A penned sheep connects anew with the key that its operator has mended."""
    desk = Desk()
    other = ScriptedNetwork(clock=desk.clock, first_id=12)
    desk.delivery.network = other

    desk.deliver()

    assert ([], [TEXT]) == (desk.network.posts, other.posts)


# What an intent fixes


def test_an_intent_stays_the_same_when_its_post_is_repeated() -> None:
    """Also in the next process, and after the clock was set back: the network may know the post by its token."""
    desk = Desk(NO_ANSWER, NO_ANSWER)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            desk.deliver()
        desk.pass_time()
    kept, _ = desk.kept or (HERE, WELL)
    later = Desk(place=kept._replace(intended=NOW - 3600))
    later.pass_time()
    later.deliver()
    first, second = desk.network.intents
    assert first
    assert [first, first] == [second, later.network.intents[0]]
    assert pytest.approx(NOW, abs=1e-5) == first.at
    assert re.fullmatch("[0-9a-f]{32}", first.token)


def test_each_post_has_an_intent_of_its_own() -> None:
    """One that surely is not out is begun anew; and so is the same post of another bot."""
    desk = Desk(Unavailable("no connection"))
    with pytest.raises(Unavailable):
        desk.deliver()
    desk.pass_time(1)
    desk.deliver()
    desk.deliver("the next line")
    tokens = {intent.token for intent in desk.network.intents if intent}
    assert 3 == len(tokens)
    assert token_of("x:dolly", HERE, NOW) != token_of("x:ewe", HERE, NOW)


def test_a_network_that_knows_the_intent_is_not_looked_at() -> None:
    """The post is repeated at once, and the answer tells."""
    desk = Desk(NO_ANSWER)
    desk.network.looks_first = False
    with pytest.raises(OutcomeUnknown):
        desk.deliver()
    assert 0.0 == desk.delivery.looks_at
    assert Outcome.SAID is desk.deliver()
    assert [] == desk.network.asked


def test_a_post_in_a_thread_answers_the_one_before_it() -> None:
    """The thread's first post is known, too: some networks ask for both."""
    desk = Desk(place=HERE._replace(thread="5"))
    desk.deliver()
    desk.deliver("the next line")
    answering = [intent.reply_to for intent in desk.network.intents if intent]
    assert [Reply(parent="7", root="5"), None] == answering


@given(last=st.integers(0, 10**20), later=st.integers(1, 10**20))
def test_ids_that_are_numbers_grow(last: int, later: int) -> None:
    """An answer with the id of an earlier post is about another post, wherever it got mixed up."""
    assert is_newer(str(last + later), str(last))
    assert not is_newer(str(last), str(last + later))
    assert not is_newer(str(last), str(last))


def test_ids_that_are_no_numbers_only_differ() -> None:
    """Without an earlier post every id is new."""
    assert [True, False, True, True] == [
        is_newer("a", "b"),
        is_newer("b", "b"),
        is_newer("1", None),
        is_newer("١", "7"),  # a digit, but none that a network numbers with
    ]


def test_ids_are_compared_as_numbers_however_they_are_written() -> None:
    """Some have zeros before them, and one may have more digits than int() takes."""
    for newer in ("101", "1000", "0101", "9" * 5000, "y"):
        assert is_newer(newer, "100"), newer
    for older in ("100", "99", "0", "0100"):
        assert not is_newer(older, "100"), older
