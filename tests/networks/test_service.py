"""What the bots of one service share, and those of two do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from flock.errors import AppRefused, NetworkError, OutcomeUnknown, Suspended, Unauthorized, Unavailable
from flock.events import BackingOff, Event, Penned, Stumbled
from flock.networks.service import Service

APP, OTHER_APP = SecretStr("app"), SecretStr("other")
AWAY = Unavailable("no connection")


def backing_off(bot: str) -> BackingOff:
    """Return the event of a bot that backs off."""
    return BackingOff(at=0.0, bot=bot, why="503", seconds=1.0, attempt=1)


def penned(bot: str, error: NetworkError) -> Penned:
    """Return the event of a bot that is penned."""
    return Penned(at=0.0, bot=bot, why=str(error), advice=error.advice)


def outage(service: Service, *bots: str, error: NetworkError = AWAY) -> list[bool]:
    """Let the bots meet an outage, in turn; return which of them are told of as following another."""
    events = [service.introduce(backing_off(bot), error, APP) for bot in bots]
    return [event.with_others for event in events if isinstance(event, BackingOff)]


def refused(service: Service, *bots: str, error: NetworkError, app: SecretStr | None = APP) -> list[bool]:
    """Let the bots be penned, in turn; return which of them are told of as following another."""
    events = [service.introduce(penned(bot, error), error, app) for bot in bots]
    return [event.with_its_app for event in events if isinstance(event, Penned)]


@pytest.mark.parametrize("error", [AWAY, OutcomeUnknown("no answer")])
def test_one_bot_tells_of_an_outage(error: NetworkError) -> None:
    """It goes on telling; the others follow it."""
    assert [False, True, False, True] == outage(Service("X"), "ann", "ben", "ann", "cat", error=error)


def test_an_outage_is_over_with_the_first_answer() -> None:
    """The next outage is told by the bot that meets it first."""
    service = Service("X")
    outage(service, "ann")

    service.answers(APP)

    assert [False, True] == outage(service, "ben", "ann")


def test_the_outage_of_one_service_is_none_of_another() -> None:
    """Answers of one say nothing of the other, and each has a bot that tells."""
    away, well = Service("X"), Service("a pasture")
    assert [False, True] == outage(away, "ann", "ben")

    well.answers(APP)

    assert [True] == outage(away, "cat")
    assert [False] == outage(well, "dan")


def test_a_refused_token_is_no_outage() -> None:
    """The bot backs off, too, but on its own account."""
    service = Service("X")
    outage(service, "ann")

    assert [False] == outage(service, "ben", error=Unauthorized("401"))


@pytest.mark.parametrize("error", [AppRefused("453"), Unauthorized("401")])
def test_one_bot_tells_that_its_app_is_refused(error: NetworkError) -> None:
    """Nothing tells whether a token is wrong or its app, so long as no bot of the app has posted."""
    service = Service("X")

    assert [False, True, True] == refused(service, "ann", "ben", "cat", error=error)
    assert [False] == refused(service, "dan", error=error, app=OTHER_APP)


def test_an_app_that_works_is_not_suspected() -> None:
    """Then each bot tells that its own token is refused."""
    service = Service("X")
    service.answers(APP)

    assert (True, False) == (APP in service.good_apps, OTHER_APP in service.good_apps)
    assert [False, False] == refused(service, "ann", "ben", error=Unauthorized("401"))


def test_the_advice_names_an_app_that_has_not_worked_yet() -> None:
    """The operator has two things to check."""
    error = Unauthorized("401")

    event = Service("X").introduce(penned("ann", error), error, APP)

    assert isinstance(event, Penned)
    assert event.advice.startswith(error.advice)
    assert event.advice.endswith("check the app's own keys)")


@pytest.mark.parametrize(("error", "app"), [(Suspended("403"), APP), (AppRefused("453"), None)])
def test_a_trouble_of_a_bots_own_is_told_by_each(error: NetworkError, app: SecretStr | None) -> None:
    """A suspended account is no app's fault, and some networks know no apps."""
    assert [False, False] == refused(Service("X"), "ann", "ben", error=error, app=app)


def test_a_bot_that_leaves_the_pen_lets_its_app_be_told_again() -> None:
    """The operator has mended something: if it was not the app, that is news."""
    service = Service("X")
    refused(service, "ann", "ben", error=AppRefused("453"))

    service.doubt_no_more(APP)

    assert [False, True] == refused(service, "ben", "ann", error=AppRefused("453"))


@pytest.mark.parametrize("event", [None, Stumbled(at=0.0, why="KeyError", seconds=1.0)])
def test_other_events_pass_unchanged(event: Event | None) -> None:
    """The service has nothing to add."""
    assert event is Service("X").introduce(event, AWAY, APP)


def test_the_service_puts_its_name_into_the_event() -> None:
    """So that a reader of the log, or a program, knows which server it was."""
    assert replace(penned("ann", AWAY), service="X") == Service("X").introduce(penned("ann", AWAY), AWAY, APP)
