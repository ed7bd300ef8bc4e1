"""How a sheep fares: one pure function from (error, standing, now) to (standing, event)."""

from __future__ import annotations

from typing import Any

from flock import events
from flock.errors import (
    AppRefused,
    BadDecision,
    ClockWrong,
    JournalError,
    Locked,
    LooksAutomated,
    NetworkError,
    NotPermitted,
    OutOfCredits,
    Pen,
    RateLimited,
    Refused,
    Revoked,
    Suspended,
    Unauthorized,
    Wait,
)
from flock.events import Event
from flock.journal import Condition, Place, Standing
from flock.sheep.recovery import UNDER_WAY
from flock.units import DAY, HOUR, MINUTE, roughly

FIRST_BACK_OFF = 1.0  # seconds, as all of these; each further failure doubles it
LONGEST_BACK_OFF = 900.0
RESET_SLACK = 1.0  # after a network's reset, since clocks differ
RATE_LIMIT_WAIT = 900.0  # where the network names no reset: the length of X's windows
LONG_WAIT = 3 * 3600.0  # for daily limits, spent credits and suspicions
CLOCK_WAIT = MINUTE  # for this machine's clock to be set right
FIRST_HOLD = MINUTE  # for a post that is refused whatever its text is; each further refusal doubles it
LONGEST_HOLD = HOUR
DOUBT = (
    HOUR  # from the first refused token on, in which it is tried again: networks refuse good tokens now and then
)
PEN_CHECK = 5.0  # between looks at whether a penned sheep's key file has changed
STRIKES = 3  # refused tokens, at least, before the sheep is penned

# The names of the errors by which a network refuses a bot, as against limits and outages.
REFUSING = frozenset(
    kind.__name__
    for kind in (
        *(Refused, NotPermitted, LooksAutomated, OutOfCredits, ClockWrong),
        *(Unauthorized, Revoked, Suspended, Locked, AppRefused),
    )
)


def troubled(
    error: Exception, before: Standing, *, bot: str, now: float, wall: float, jitter: float, earliest: float = 0.0
) -> tuple[Standing, Event | None]:
    """Return how a sheep fares after `error`, and the event that tells of it; None when it was told before.

    `now` is steady time and `wall` wall-clock time, `jitter` a random number from 0 to 1. The next try may be made
    at the standing's `until`, which is never before the steady time `earliest`.
    """
    told: dict[str, Any]
    strikes = before.strikes + isinstance(error, Pen)
    since = before.since
    if isinstance(error, Pen | Refused | NotPermitted):
        since = now if strikes == 1 and isinstance(error, Pen) else before.since or now
    after = before._replace(trouble=str(error), kind=type(error).__name__, strikes=strikes, since=since)
    if isinstance(error, Pen) and _is_believed(error, after, now):
        after = after._replace(condition=Condition.PENNED, until=now + PEN_CHECK)
        return after, events.Penned(at=wall, bot=bot, why=str(error), advice=error.advice, kind=after.kind)
    if isinstance(error, Wait | Refused):
        failures = before.failures if before.kind == after.kind else 0
        seconds = _wait(error, failures, wall)
        after = after._replace(condition=Condition.WAITING, until=now + seconds, failures=failures + 1)
        if before.condition is Condition.WAITING and before.kind == after.kind:
            return after, None
        told = {"at": wall, "bot": bot, "why": str(error), "kind": after.kind}
        return after, events.Waiting(**told, seconds=seconds, advice=error.advice)
    seconds = max(back_off(before.failures, jitter), earliest - now)
    after = after._replace(condition=Condition.BACKING_OFF, until=now + seconds, failures=before.failures + 1)
    told = {"at": wall, "bot": bot, "why": str(error)}
    if isinstance(error, JournalError):
        return after, events.Silenced(**told)
    if isinstance(error, NetworkError):
        advice = error.advice if isinstance(error, Pen) else ""
        told |= {"kind": after.kind, "advice": advice}
        return after, events.BackingOff(**told, seconds=seconds, attempt=after.failures)
    in_flock = not isinstance(error, BadDecision)
    told["why"] = type(error).__name__ if in_flock else str(error)
    return after, events.Stumbled(**told, seconds=seconds, in_flock=in_flock)


def hindrance(standing: Standing, now: float) -> str:
    """Return what keeps a bot that fares so from posting, in words; empty if nothing does. Times are steady."""
    if standing.condition is Condition.PENNED:
        return f"it is penned: {standing.trouble}"
    return f"it waits {roughly(standing.until - now)}: {standing.trouble}" if standing.until > now else ""


def back_off(failures: int, jitter: float) -> float:
    """Return the seconds to back off after `failures` earlier failures: 1, 2, 4, ... plus jitter, up to 15
    minutes."""
    return min(LONGEST_BACK_OFF, FIRST_BACK_OFF * (2.0 ** min(failures, 30) + jitter))


def believable(place: Place, standing: Standing, *, wall: float, longest: float) -> tuple[Place, Standing]:
    """Return what the journal kept, all in wall-clock time, without times that the clock was set back for since.

    At `wall`, the present time, the next line is due within `longest` seconds, and no pause is longer than its
    trouble makes it.
    """
    ahead = max(0.0, (place.intended or wall) - wall)  # by how much the clock was set back, or more
    place = place._replace(due=min(place.due - ahead, wall + longest))
    is_backing_off = standing.condition is Condition.BACKING_OFF
    pause = max(back_off(standing.failures, 1.0), UNDER_WAY) if is_backing_off else DAY
    until = standing.until and min(standing.until - ahead, wall + pause)
    return place, standing._replace(until=until, since=min(standing.since, wall))


def shifted(standing: Standing, seconds: float) -> Standing:
    """Return `standing` with its times in another clock's, which is so many seconds ahead."""
    return standing._replace(
        until=standing.until and standing.until + seconds, since=standing.since and standing.since + seconds
    )


def _is_believed(error: Pen, after: Standing, now: float) -> bool:
    """Return whether the account surely cannot post: the network says so in so many words, or has refused its
    tokens for long enough."""
    if isinstance(error, Suspended | Locked | Revoked):
        return True
    return after.strikes >= STRIKES and now - after.since >= DOUBT


def _wait(error: Wait | Refused, failures: int, wall: float) -> float:
    """Return for how many seconds to wait: until the network's reset, or long enough. `failures` counts those of
    this kind before."""
    if isinstance(error, Refused | NotPermitted):
        return min(LONGEST_HOLD, FIRST_HOLD * 2.0 ** min(failures, 30))
    if error.until is not None:
        return max(0.0, error.until - wall) + RESET_SLACK
    if isinstance(error, ClockWrong):
        return CLOCK_WAIT
    return RATE_LIMIT_WAIT if isinstance(error, RateLimited) else LONG_WAIT
