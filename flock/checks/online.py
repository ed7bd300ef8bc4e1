"""Asks each network who its bots are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from flock.checks.findings import Finding
from flock.keymaker.sessions import Sessions
from flock.keymaker.survey import Inquiry, Report
from flock.sheep.sheep import Sheep

State = Literal["good", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a network says of a bot's credentials, in a sentence that is safe to show.

    `unknown` means that it could not be asked.
    """

    bot: str
    state: State
    says: str


def ask_networks(flock: Sequence[Sheep], base_url: str | None) -> tuple[Answer, ...]:
    """Return the answer for each bot, in order; several networks are asked at the same time.

    `base_url` stands for X. X bills each question as one read. Nothing is posted or kept.
    """
    sessions = Sessions()
    try:
        reports = Inquiry(sessions, base_url).ask_all(
            Report(file=sheep.json_file, key=sheep.key) for sheep in flock
        )
    finally:
        sessions.close()
    return tuple(
        Answer(sheep.name, _state(report), report.says) for sheep, report in zip(flock, reports, strict=True)
    )


def findings_in(answers: Iterable[Answer], state: State) -> Iterator[Finding]:
    """Yield a finding for each bot of which the answer is in that state."""
    for each in answers:
        if each.state == state:
            yield Finding("account", f"{each.bot}: {each.says}", (each.bot,))


def _state(report: Report) -> State:
    return "refused" if report.is_refused else "unknown" if report.is_unknown else "good"
