"""docs/monitoring/: the dashboard and the alert rules ask for metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flock.events import Failed, Out, Rounds, Said
from flock.observers.metrics import Metrics

FOLDER = Path(__file__).parents[1] / "docs" / "monitoring"
PAGE = (FOLDER.parent / "monitoring.md").read_text(encoding="utf-8")
NAME = re.compile(r"\b(?:flock|process)_[a-z_]+\b")


def served() -> dict[str, str]:
    """Return the names of all samples that a flock serves, each with that of its metric."""
    metrics = Metrics()
    metrics(Out(at=1.0, sheep=1))
    metrics(Said(at=1.0, bot="a", text="", n=0, line=0, lines=1, age=0.0, late=0.0, post_id=None, service="X"))
    metrics(Failed(at=1.0, bot="a", kind="Unavailable", service="X"))
    metrics(Rounds(at=1.0, sheep=1, penned=(), waiting=0, in_trouble=0, alive=True))
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        sample.name: family.name
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def expressions(file: str) -> list[str]:
    """Return the queries of the dashboard or of the rules."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    if file.endswith(".json"):
        return [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    return re.findall(r"^ +expr: (?:\|\n)?((?:.+\n(?: {10}.+\n)*))", text, re.MULTILINE)


@pytest.mark.parametrize("file", ["dashboard.json", "flock.rules.yml"])
def test_each_metric_that_is_asked_for_is_served(file: str) -> None:
    """A metric that is renamed would leave a panel empty, or an alert silent."""
    asked = [name for query in expressions(file) for name in NAME.findall(query)]

    assert len(expressions(file)) > 8
    assert len(set(asked)) > 6
    assert [] == [name for name in asked if name not in served()]


def test_the_dashboard_shows_each_metric_of_flock() -> None:
    """Besides those that say the same in another way."""
    shown = {name for query in expressions("dashboard.json") for name in NAME.findall(query)}
    others = {"flock_info", "flock_looked_timestamp_seconds", "flock_bot_age_recitations"}
    metrics = {metric for name, metric in served().items() if metric.startswith("flock") and name not in others}

    assert set() == metrics - {served()[name] for name in shown}


def test_the_page_names_each_metric() -> None:
    """As a row of its table."""
    rows = re.findall(r"^\| `(flock_[a-z_]+)[`{]", PAGE, re.MULTILINE)
    names = {name.removesuffix("_count") for name in served() if name.startswith("flock")}
    names -= {name for name in names if name.endswith(("_bucket", "_sum"))}

    assert sorted(names) == sorted(rows)
