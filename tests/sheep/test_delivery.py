"""Saying a tweet once, whatever the network answers or does not."""

from collections.abc import Sequence

import pytest

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
from flock.journal import MemoryJournal, Outcome, Record, Settlement
from flock.networks import Post
from flock.sheep.delivery import Speaker, Spoken

TEXT = "Roll call at four & the dark: baa"
RECORD = Record("x:dolly", n=3, line=1, saying=TEXT, next_line=TEXT, last_id="7")


class FakeNetwork:
    """Answers posts as it is told to, in turn, then takes them all; shows `timeline` or fails with it."""

    def __init__(
        self,
        *answers: NetworkError | None,
        timeline: Sequence[Post] | NetworkError = (),
        refuses_duplicates: bool = True,
    ) -> None:
        self.refuses_duplicates = refuses_duplicates
        self.timeline = timeline
        self.posted: list[str] = []
        self.asked: list[str | None] = []
        self._answers = list(answers)

    def fits(self, text: str) -> bool:
        return len(text) <= 280

    def post(self, text: str) -> Post:
        self.posted.append(text)
        answer = self._answers.pop(0) if self._answers else None
        if answer:
            raise answer
        return Post(id=str(len(self.posted)), text=text)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        self.asked.append(since_id)
        if isinstance(self.timeline, NetworkError):
            raise self.timeline
        return self.timeline


class Diary(MemoryJournal):
    """A journal that also remembers every call, in order."""

    def __init__(self, trouble: JournalError | None = None) -> None:
        super().__init__()
        self.calls: list[str] = []
        self._trouble = trouble

    def intend(self, record: Record, text: str, at: float) -> None:
        if self._trouble:
            raise self._trouble
        self.calls.append(f"intend {record.n} {record.piece} at {at:g}: {text}")
        super().intend(record, text, at)

    def settle(self, settlement: Settlement, record: Record) -> None:
        self.calls.append(f"settle {settlement.n} {settlement.piece} at {settlement.at:g}: {settlement.outcome}")
        super().settle(settlement, record)


def speaker(network: FakeNetwork, journal: MemoryJournal | None = None, *, unsure: bool = False) -> Speaker:
    """Return a voice on `network` at the wall-clock time 1000."""
    return Speaker(network, journal or MemoryJournal(), VirtualClock(1000.0), unsure=unsure)


def test_a_tweet_is_intended_then_said() -> None:
    """The journal hears of it before the network does; settling is the sheep's."""
    network, diary = FakeNetwork(), Diary()
    assert Spoken(Outcome.SAID, post_id="1") == speaker(network, diary).say(RECORD, TEXT)
    assert [TEXT] == network.posted
    assert [f"intend 3 0 at 1000: {TEXT}"] == diary.calls


def test_what_cannot_be_noted_is_not_said() -> None:
    """Without a journal nothing may be posted."""
    network = FakeNetwork()
    voice = speaker(network, Diary(JournalError("the disk is full")))
    with pytest.raises(JournalError):
        voice.say(RECORD, TEXT)
    assert [] == network.posted
    assert not voice.unsure


def test_an_unanswered_tweet_that_is_in_the_timeline_was_said() -> None:
    """Only what came after the last known post is asked for, and nothing is posted again."""
    network = FakeNetwork(OutcomeUnknown("no answer"), timeline=[Post("9", "other"), Post("8", TEXT)])
    voice = speaker(network)
    with pytest.raises(OutcomeUnknown):
        voice.say(RECORD, TEXT)
    assert voice.unsure
    assert Spoken(Outcome.SAID, post_id="8") == voice.say(RECORD, TEXT)
    assert ([TEXT], ["7"]) == (network.posted, network.asked)


def test_an_unanswered_tweet_that_is_not_in_the_timeline_is_said_again() -> None:
    """It did not land; the intent that stands in the journal still covers it."""
    network, diary = FakeNetwork(OutcomeUnknown("no answer"), timeline=[Post("8", "another line")]), Diary()
    voice = speaker(network, diary)
    with pytest.raises(OutcomeUnknown):
        voice.say(RECORD, TEXT)
    assert Spoken(Outcome.SAID, post_id="2") == voice.say(RECORD, TEXT)
    assert [TEXT, TEXT] == network.posted
    assert 1 == len(diary.calls)


@pytest.mark.parametrize("ids", [("9", "7", "5"), ("y", "7", "x"), ("9", "6", "5")])
def test_the_same_line_of_an_earlier_recitation_is_not_this_one(ids: tuple[str, str, str]) -> None:
    """A network that shows more than it was asked for does not make us lose a line."""
    newer, last, older = ids
    timeline = [Post(newer, "another line"), Post(last, "the line before"), Post(older, TEXT)]
    network = FakeNetwork(OutcomeUnknown("no answer"), timeline=timeline)
    speaker = Speaker(network, MemoryJournal(), VirtualClock())
    with pytest.raises(OutcomeUnknown):
        speaker.say(RECORD, TEXT)

    speaker.say(RECORD, TEXT)

    assert [TEXT, TEXT] == network.posted


def test_a_restart_with_an_open_intent_finds_out_first() -> None:
    """What a killed process intended is looked for before anything is posted."""
    network = FakeNetwork(timeline=[Post("8", TEXT)])
    assert Spoken(Outcome.SAID, post_id="8") == speaker(network, unsure=True).say(RECORD, TEXT)
    assert [] == network.posted


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
    """X escapes HTML and shortens links."""
    network = FakeNetwork(timeline=[Post("8", theirs)])
    assert Outcome.SAID == speaker(network, unsure=True).say(RECORD, ours).outcome
    assert [] == network.posted


@pytest.mark.parametrize("refusal", [Refused("no"), Unauthorized("no"), RateLimited("later", until=2000.0)])
def test_where_the_timeline_is_refused_a_duplicate_means_that_it_landed(refusal: NetworkError) -> None:
    """A network that refuses duplicates can be asked by posting again."""
    network = FakeNetwork(Duplicate("said already"), timeline=refusal)
    assert Spoken(Outcome.SAID) == speaker(network, unsure=True).say(RECORD, TEXT)
    assert [TEXT] == network.posted


def test_where_nothing_can_tell_the_outcome_is_unknown_and_nothing_is_posted() -> None:
    """Rather than say a line twice the sheep goes on, and the journal says why."""
    network = FakeNetwork(timeline=Refused("not on your plan"), refuses_duplicates=False)
    spoken = speaker(network, unsure=True).say(RECORD, TEXT)
    assert Outcome.UNKNOWN == spoken.outcome
    assert "the timeline cannot be read: not on your plan" in spoken.why
    assert [] == network.posted


def test_a_busy_timeline_is_asked_again_later_where_duplicates_are_taken() -> None:
    """A rate limit passes; then the timeline will tell."""
    network = FakeNetwork(timeline=RateLimited("later", until=2000.0), refuses_duplicates=False)
    voice = speaker(network, unsure=True)
    with pytest.raises(RateLimited):
        voice.say(RECORD, TEXT)
    assert voice.unsure
    assert [] == network.posted


@pytest.mark.parametrize("trouble", [Unavailable("down"), OutcomeUnknown("no answer")])
def test_an_unwell_timeline_is_asked_again_later(trouble: NetworkError) -> None:
    """The doubt stays, and nothing is posted meanwhile."""
    network = FakeNetwork(timeline=trouble)
    voice = speaker(network, unsure=True)
    with pytest.raises(type(trouble)):
        voice.say(RECORD, TEXT)
    assert voice.unsure
    assert [] == network.posted


@pytest.mark.parametrize("refusal", [Duplicate("said already"), TooLong("too long"), Refused("no")])
def test_a_text_that_the_network_will_not_take_is_skipped(refusal: NetworkError) -> None:
    """A duplicate too, where no attempt is in doubt."""
    network = FakeNetwork(refusal)
    assert Spoken(Outcome.SKIPPED, why=str(refusal)) == speaker(network).say(RECORD, TEXT)
    assert [TEXT] == network.posted


@pytest.mark.parametrize("refusal", [TooLong("too long"), Refused("no")])
def test_a_refusal_after_doubt_leaves_the_doubt(refusal: NetworkError) -> None:
    """The first attempt may have landed all the same."""
    network = FakeNetwork(refusal)
    assert Spoken(Outcome.UNKNOWN, why=str(refusal)) == speaker(network, unsure=True).say(RECORD, TEXT)


def test_three_refusals_in_a_row_are_not_the_texts_fault() -> None:
    """Two lines are skipped; with the third the API is to blame, and the line is kept."""
    network, diary = FakeNetwork(Refused("no"), Refused("no"), Refused("no")), Diary()
    voice = speaker(network, diary)
    for n in range(2):
        assert Outcome.SKIPPED == voice.say(Record("x:dolly", n=n), TEXT).outcome
        voice.unsure = False  # the sheep has settled it
    with pytest.raises(Refused):
        voice.say(Record("x:dolly", n=2), TEXT)
    assert not voice.unsure
    assert "settle 2 0 at 1000: withdrawn" == diary.calls[-1]


def test_a_success_forgives_the_refusals_before_it() -> None:
    """Four refusals with a tweet between them skip four lines."""
    network = FakeNetwork(Refused("no"), Refused("no"), None, Refused("no"), Refused("no"))
    voice, outcomes = speaker(network), []
    for n in range(5):
        outcomes.append(voice.say(Record("x:dolly", n=n), TEXT).outcome)
        voice.unsure = False  # the sheep has settled it
    skipped = Outcome.SKIPPED
    assert [skipped, skipped, Outcome.SAID, skipped, skipped] == outcomes


@pytest.mark.parametrize("trouble", [Unavailable("down"), RateLimited("later"), Unauthorized("no")])
def test_a_tweet_that_surely_did_not_land_is_withdrawn(trouble: NetworkError) -> None:
    """A restart has nothing to find out; the record in the journal is the one from before."""
    network, diary = FakeNetwork(trouble), Diary()
    voice = speaker(network, diary)
    with pytest.raises(type(trouble)):
        voice.say(RECORD, TEXT)
    assert "settle 3 0 at 1000: withdrawn" == diary.calls[-1]
    assert RECORD == diary.read("x:dolly")
    assert not voice.unsure
    assert [] == diary.latest_posts(9)


def test_an_attempt_in_doubt_is_not_withdrawn() -> None:
    """That the second attempt did not get through says nothing of the first."""
    network, diary = FakeNetwork(OutcomeUnknown("no answer"), Unavailable("down")), Diary()
    voice = speaker(network, diary)
    with pytest.raises(OutcomeUnknown):
        voice.say(RECORD, TEXT)
    with pytest.raises(Unavailable):
        voice.say(RECORD, TEXT)
    assert voice.unsure
    record = diary.read("x:dolly")
    assert record is not None
    assert record.unsure
    assert 1 == len(diary.calls)
