"""A sheep whose bot may be another flock's: it sends nothing, and it waits for what the other may have sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flock.events import Said
from flock.journal import WELL, MemoryJournal, Place
from flock.networks.base import Intent
from flock.networks.permission import may_send
from flock.sheep.recovery import LANDING
from tests.world import START, World

NEVER_AGO = 1000.0  # seconds after which a post of a flock that was killed is not under way any more


class Leased(MemoryJournal):
    """A journal that says whether its bots may be posted for, and whether they were taken over."""

    holds = True
    takes_over = False

    def may_post(self, bot: str) -> bool:
        return super().may_post(bot) and self.holds

    def is_taken_over(self, bot: str) -> bool:
        return super().is_taken_over(bot) or self.takes_over


def test_nothing_is_sent_for_a_bot_that_may_be_lost(make_world: Callable[..., World]) -> None:
    """The intent is withdrawn, since the post surely is not out, and the line is said later."""
    journal = Leased()
    world = make_world(journal=journal)
    dolly = world.raise_sheep()
    journal.holds = False

    dolly.beat()

    assert ([], None) == (world.stage().posts, dolly.place.intended)
    assert "this flock may have lost the bot to another one" in dolly.standing.trouble
    journal.holds = True
    world.live(60.0, dolly)
    assert ["dolly 0"] == world.stage().posts[:1]


def test_the_journal_is_asked_again_while_the_post_is_made(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's connection asks right before the bytes go out; after the post no request is asked about."""
    journal = Leased()
    world = make_world(journal=journal)
    dolly = world.raise_sheep()
    post, asked = world.stage().post, []

    def noting(text: str, intent: Intent | None = None) -> str:
        asked.append(may_send.get())
        return post(text, intent)

    monkeypatch.setattr(world.stage(), "post", noting)
    dolly.beat()

    (may_post,) = asked
    assert may_post is not None
    assert may_post()
    journal.holds = False
    assert not may_post()
    assert may_send.get() is None


def test_a_post_of_the_last_holder_gets_time_to_land(make_world: Callable[..., World]) -> None:
    """Whatever its time in the journal is: it may have been sent in the last moment of the lease."""
    journal = Leased()
    world = make_world(journal=journal)
    begun = Place(
        n=1, line=1, next_line="dolly 1", saying="dolly 1", prior_line="dolly 0", intended=START - NEVER_AGO
    )
    journal.keep("x:dolly", begun, WELL)
    assert START == world.raise_sheep().wake
    journal.takes_over = True
    taken_over = world.raise_sheep()

    assert START + LANDING == taken_over.wake
    world.live(LANDING + 1, taken_over)
    assert ["dolly 1"] == [each.text for each in world.told(Said) if isinstance(each, Said)]
