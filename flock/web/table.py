"""The table of the flock: which bots it shows, and in which order, as its address asks for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flock.checks.costs import count, dollars, number
from flock.journal import Noted, Outcome
from flock.web.failures import Failures, late, services
from flock.web.forecasts import Foreseen, Foresight
from flock.web.lookout import Lookout, Seen

ROWS = 200  # bots of one page of the table
_LONGEST = 100  # characters of what is searched for

Value = float | str | None


class Row(NamedTuple):
    """A bot of the table: what it said last, its posts of the last hour, how many seconds it is late, and what it
    will post a day."""

    seen: Seen
    said: Noted | None
    hour: int
    late: float
    foreseen: Foreseen | None


class Column(NamedTuple):
    """A column: its heading, what it is sorted by (None comes last), and whether the largest comes first."""

    heading: str
    value: Callable[[Row], Value]
    largest_first: bool = False


COLUMNS: Mapping[str, Column] = {
    "name": Column("Name", lambda row: row.seen.bot.name.casefold()),
    "network": Column("Network", lambda row: row.seen.bot.network.casefold()),
    "state": Column("State", lambda row: row.seen.bot.state.value),
    "age": Column("Age", lambda row: row.seen.bot.age, largest_first=True),
    "last": Column("Last line", lambda row: row.said and row.said.at, largest_first=True),
    "next": Column("Next line", lambda row: row.seen.bot.due),
    "late": Column("Late", lambda row: row.late, largest_first=True),
    "hour": Column("Last hour", lambda row: row.hour, largest_first=True),
    "today": Column("Today", lambda row: row.seen.bot.today, largest_first=True),
    "day": Column("A day", lambda row: row.foreseen and row.foreseen.posts, largest_first=True),
    "spent": Column("$ today", lambda row: row.seen.bot.spent, largest_first=True),
    "cost": Column("$ a day", lambda row: row.foreseen and row.foreseen.dollars, largest_first=True),
}
_MONEY = ("spent", "cost")


class Asked(NamedTuple):
    """What the address asks for; what it does not make sense of is left out."""

    find: str = ""
    state: str = ""
    network: str = ""
    sort: str = "name"
    is_turned: bool = False
    page: int = 1

    def address(self, **changes: Any) -> str:
        """Return the address of the table with these changes."""
        asked = self._replace(**changes)
        words = {"find": asked.find, "state": asked.state, "network": asked.network}
        words["sort"] = "" if asked[3:5] == ("name", False) else f"{'-' * asked.is_turned}{asked.sort}"
        words["page"] = str(asked.page) if asked.page > 1 else ""
        given = {name: word for name, word in words.items() if word}
        return f"/bots?{urlencode(given)}" if given else "/bots"


class Table:
    """The table of the flock that `lookout` sees. `failures` counts posts that did not come out, and `foresight`
    says what bots will post and cost."""

    def __init__(self, lookout: Lookout, failures: Failures, foresight: Foresight) -> None:
        self._lookout = lookout
        self._failures = failures
        self._foresight = foresight

    def values(self, asked: Asked) -> dict[str, Any]:
        """Return what the table shows."""
        lookout = self._lookout
        outlook = self._foresight.outlook(lookout.roster)  # may wait; what follows is of one moment
        ahead = outlook.bots if outlook else {}
        now, bots, hour = lookout.now(), lookout.bots(), lookout.last_hour()
        heard = {
            each.bot: each.post for each in lookout.latest_entries() if each.post.outcome is not Outcome.SKIPPED
        }
        wanted = [seen for seen in bots if _is_wanted(seen, asked)]
        rows = [
            Row(
                seen,
                latest(seen.bot.said, heard.get(seen.bot.name)),
                hour[seen.bot.name],
                late(seen, now),
                ahead.get(seen.member.key.file),
            )
            for seen in wanted
        ]
        pages = max(1, -(-len(rows) // ROWS))
        asked = asked._replace(page=min(pages, asked.page))
        costs = any(seen.bot.spent for seen in bots) or any(each.dollars for each in ahead.values())
        return {
            "asked": asked,
            "direction_of": direction_of,
            "columns": {name: each for name, each in COLUMNS.items() if costs or name not in _MONEY},
            "rows": in_order(rows, asked)[(asked.page - 1) * ROWS : asked.page * ROWS],
            "found": len(rows),
            "pages": pages,
            "states": sorted({seen.bot.state.value for seen in bots} | {asked.state} - {""}),
            "networks": sorted({seen.bot.network for seen in bots} | {asked.network} - {""}),
            "services": services(bots, lookout.roster.networks, hour, self._failures.counts(now), now),
            "outlook": outlook,
            "count": count,
            "number": number,
            "dollars": dollars,
            "problems": lookout.problems(),
            "now": now,
        }


def asked_for(given: Mapping[str, str]) -> Asked:
    """Return what the words of an address ask for."""
    sort, page = given.get("sort", ""), given.get("page", "")
    is_number = page.isascii() and page.isdecimal() and len(page) < 8
    return Asked(
        find=given.get("find", "").strip()[:_LONGEST],
        state=given.get("state", "").strip()[:_LONGEST],
        network=given.get("network", "").strip()[:_LONGEST],
        sort=sort.removeprefix("-") if sort.removeprefix("-") in COLUMNS else "name",
        is_turned=sort.startswith("-"),
        page=max(1, int(page)) if is_number else 1,
    )


def in_order(rows: Sequence[Row], asked: Asked) -> list[Row]:
    """Return the rows as they are asked for; those without a value come last. `rows` are in the order of names."""
    column = COLUMNS[asked.sort]
    known = [row for row in rows if column.value(row) is not None]
    unknown = [row for row in rows if column.value(row) is None]
    return [*sorted(known, key=_key(column), reverse=column.largest_first != asked.is_turned), *unknown]


def latest(known: Noted | None, heard: Noted | None) -> Noted | None:
    """Return the later of two posts. New lines are heard of before it is known how their bots fare."""
    return max((each for each in (known, heard) if each), key=lambda each: each.at, default=None)


def direction_of(asked: Asked, name: str) -> str:
    """Return what `aria-sort` says of a column, or an empty text."""
    if asked.sort != name:
        return ""
    return "descending" if COLUMNS[name].largest_first != asked.is_turned else "ascending"


def _key(column: Column) -> Callable[[Row], Any]:
    def key(row: Row) -> Any:
        value = column.value(row)
        return -math.inf if value is None else value

    return key


def _is_wanted(seen: Seen, asked: Asked) -> bool:
    bot, text = seen.bot, asked.find.casefold()
    if (asked.state and bot.state.value != asked.state) or (asked.network and bot.network != asked.network):
        return False
    return any(text in each.casefold() for each in (bot.name, bot.network, bot.state.value))
