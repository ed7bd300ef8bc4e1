"""flock check: looks a folder of keys over before the flock goes out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import options
from flock.cli.exits import NO_KEY, NamedExits, leave
from flock.cli.run import keep_secrets_in
from flock.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from flock.checks import Finding, Forecast, Report

_COLUMNS = ("bot", "network", "poem", "posts", "takes", "a day")
_MONEY = ("$/day", "$/month")


@click.command()
@click.argument("keys", type=click.Path(path_type=Path, readable=False))
@click.option("--online", is_flag=True, help="Ask each network who its bots are. X bills that as one read a bot.")
@options.as_json
@options.running
def check(keys: Path, *, online: bool, as_json: bool, **given: Any) -> None:
    """Look the folder KEYS over: what each bot would post and cost, and all that is wrong or doubtful.

    Takes the options of `flock run`. Posts nothing, and without --online it needs no network. An error is what
    `flock run` would refuse, or what a network refuses: then the exit code is 3. With warnings it is 0.
    """
    with NamedExits():
        chosen = options.chosen(given)
        from flock.checks import check as look_over  # noqa: PLC0415 - numpy and pydantic
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415

        keep_secrets_in()
        log_to_stderr()
        report = look_over(keys, chosen, online=online)
        if as_json:
            print_json(_as_json(report))
        else:
            _print(report)
    if report.errors:
        leave(NO_KEY, at_once=False)


def _print(report: Report) -> None:
    from flock.checks.costs import bills, bills_of_practice, count, places  # noqa: PLC0415
    from flock.observers.wording import harmless  # noqa: PLC0415

    if report.forecasts:
        money = _MONEY if any(each.dollars_a_post for each in report.forecasts) else ()
        columns = (*_COLUMNS, *money)
        rows = [_row(each, report)[: len(columns)] for each in report.forecasts]
        print_table(columns, rows, numbers=("posts", "takes", "a day", *money))
    lines = [
        *places((each.sheep for each in report.forecasts), report.networks),
        *bills(report.forecasts),
        *bills_of_practice(report.forecasts),
        *_prices(report),
    ]
    lines += [f"{each.bot}: {each.says}" for each in report.answers or () if each.state == "good"]
    lines += [f"warning: {each.text}" for each in report.warnings]
    lines += [f"error: {each.text}" for each in report.errors]
    found = [count(len(each), what) for each, what in ((report.errors, "error"), (report.warnings, "warning"))]
    for line in (*lines, f"{count(len(report.forecasts), 'bot')}, {', '.join(found)}"):
        click.echo(harmless(line))


def _row(bot: Forecast, report: Report) -> tuple[str, ...]:
    from flock.checks.costs import dollars, number  # noqa: PLC0415
    from flock.checks.forecast import MONTH  # noqa: PLC0415
    from flock.keys.credentials import title_of  # noqa: PLC0415
    from flock.units import roughly  # noqa: PLC0415

    key = bot.sheep.key
    paid = (bot.dollars_a_day, bot.dollars_a_day * MONTH) if bot.dollars_a_post else ()
    money = [dollars(each).removeprefix("$") for each in paid] or ["", ""]
    return (
        bot.sheep.name,
        title_of(report.networks.realm(key)),
        key.poem_file.name.removesuffix(".txt"),
        f"{bot.cycle.posts:,}",
        roughly(bot.cycle.speech),
        number(bot.posts_a_day),
        *money,
    )


def _prices(report: Report) -> Iterable[str]:
    """Return what the networks charge that any of the bots posts to, and where that is from."""
    from flock.keys.credentials import title_of  # noqa: PLC0415
    from flock.networks.terms import terms_of  # noqa: PLC0415

    for network in dict.fromkeys(each.sheep.key.network for each in report.forecasts if each.dollars_a_post):
        if price := terms_of(network).price:
            what = f"${price.post:.3f} a post, ${price.post_with_link:.2f} with a link"
            yield f"{title_of(network)} charges {what} ({price.source}, {price.checked})"


def _as_json(report: Report) -> dict[str, object]:
    from flock.checks.forecast import MONTH  # noqa: PLC0415
    from flock.networks.terms import terms_of  # noqa: PLC0415

    bots = report.forecasts
    billed = dict.fromkeys(each.sheep.key.network for each in bots if each.dollars_a_post)
    prices = {network: price for network in billed if (price := terms_of(network).price)}
    day = sum(each.dollars_a_day for each in bots)
    for_real = sum(each.dollars_for_real for each in bots)
    return {
        "bots": [_bot(each, report) for each in bots],
        "totals": {
            "posts_a_day": _finite(sum(each.posts_a_day for each in bots), 1),
            "dollars_a_day": _finite(day),
            "dollars_a_month": _finite(day * MONTH),
            "dollars_a_day_for_real": _finite(for_real),
            "dollars_a_month_for_real": _finite(for_real * MONTH),
        },
        "prices": {
            network: {
                "post": price.post,
                "post_with_link": price.post_with_link,
                "source": price.source,
                "checked": price.checked,
            }
            for network, price in prices.items()
        },
        "accounts": [{"bot": each.bot, "state": each.state, "says": each.says} for each in report.answers or ()],
        "warnings": [_finding(each) for each in report.warnings],
        "errors": [_finding(each) for each in report.errors],
    }


def _bot(bot: Forecast, report: Report) -> dict[str, object]:
    from flock.checks.costs import place_of  # noqa: PLC0415
    from flock.checks.forecast import MONTH  # noqa: PLC0415

    key = bot.sheep.key
    return {
        "bot": bot.sheep.name,
        "network": key.network,
        "place": place_of(key, report.networks),
        "practises": report.networks.realm(key) == "pasture",
        "file": str(key.file),
        "poem": str(key.poem_file),
        "lines": bot.lines,
        "posts": bot.cycle.posts,
        "recitation_seconds": round(bot.cycle.speech, 3),
        "cycle_seconds": round(bot.cycle.seconds, 3),
        "line_interval": bot.sheep.line_interval,
        "poem_interval": bot.sheep.poem_interval,
        "posts_per_day": bot.cap,
        "posts_a_day": _finite(bot.posts_a_day, 1),
        "dollars_a_day": _finite(bot.dollars_a_day),
        "dollars_a_month": _finite(bot.dollars_a_day * MONTH),
    }


def _finding(found: Finding) -> dict[str, object]:
    return {
        "kind": found.kind,
        "text": found.text,
        "bots": [*found.bots],
        "file": str(found.file) if found.file else None,
    }


def _finite(value: float, digits: int = 2) -> float | None:
    """Return the rounded value, or None where there is no end: JSON has no infinity."""
    return None if math.isinf(value) else round(value, digits)
