"""flock alert-test: sends one alert of each kind, and says for each target whether it got through."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import click

from flock.cli import observers
from flock.cli.exits import EXIT_CODES, UNDELIVERED, NamedExits
from flock.cli.options import as_json
from flock.cli.tables import print_json, print_table
from flock.errors import BadOption

if TYPE_CHECKING:
    from flock.events import Trouble
    from flock.observers.targets import Target


class _Report(NamedTuple):
    """How many of the alerts one target took, in how many seconds, and why it did not take the others."""

    target: str
    sent: int
    of: int
    seconds: float
    why: str


@click.command("alert-test", epilog=EXIT_CODES)
@observers.alert
@observers.on_trouble
@as_json
def alert_test(*, alert: tuple[str, ...], on_trouble: str | None, as_json: bool) -> None:
    """Send one alert of each kind to each target, and say whether it got through. Each says that it is a test."""
    with NamedExits():
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415 - --help can do without
        from flock.observers.targets import targets  # noqa: PLC0415

        log_to_stderr()
        found = targets(alert, on_trouble)
        if not found:
            raise BadOption("there is nothing to test; give --alert URL, --on-trouble COMMAND, or FLOCK_ALERT")
        with ThreadPoolExecutor(len(found)) as pool:
            reports = list(pool.map(_tried, found))
        if as_json:
            print_json([report._asdict() for report in reports])
        else:
            columns = ("target", "got through", "took", "what went wrong")
            rows = [
                (each.target, f"{each.sent} of {each.of}", f"{each.seconds:.1f}s", each.why) for each in reports
            ]
            print_table(columns, rows, numbers=("got through", "took"))
    sys.exit(0 if all(each.sent == each.of for each in reports) else UNDELIVERED)


def _tried(target: Target) -> _Report:
    from flock.observers.targets import NotDelivered  # noqa: PLC0415

    alerts = _one_of_each()
    begun, sent, why = time.monotonic(), 0, ""
    for alert in alerts:
        try:
            target.send(alert)
            sent += 1
        except NotDelivered as error:
            why = str(error)
            break  # what is wrong with one is wrong with all, and a dead server takes long
    return _Report(target.name, sent, len(alerts), round(time.monotonic() - begun, 3), why)


def _one_of_each() -> list[Trouble]:
    from flock.events import Trouble  # noqa: PLC0415

    now = time.time()
    why, bots = ("this is a test, sent by flock alert-test",), ("dolly (a test)", "molly (a test)")
    return [
        Trouble(at=now, since=now, kind="penned", count=1, bot=bots[0], bots=bots[:1], whys=why),
        Trouble(at=now, since=now, kind="quiet", count=2, bots=bots, whys=why),
        Trouble(at=now, since=now - 600, kind="quiet", count=2, bots=bots, whys=why, is_over=True),
        Trouble(at=now, since=now, kind="journal", whys=why),
        Trouble(at=now, since=now, kind="credits", count=1, bot=bots[0], bots=bots[:1], whys=why),
        Trouble(at=now, since=now, kind="died", count=1, bot=bots[0], bots=bots[:1], whys=why),
        Trouble(at=now, since=now, kind="ended", whys=why),
    ]
