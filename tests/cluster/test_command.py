"""`flock cluster` where it cannot begin: one line that says why, and nothing that stays."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flock.cluster import placing
from flock.cluster.checking import checked_keys
from flock.errors import BadKeys, BadOption
from flock.options import settle_options
from flock.state import parse_database
from tests.cluster.conftest import Flock, Folder
from tests.postgres import PostgresServer

Start = Callable[..., Flock]
Make = Callable[..., Folder]


def test_a_journal_in_a_file_is_refused(start: Start, make_folder: Make) -> None:
    """Herds on other machines would not find it."""
    code, output, errors = start("cluster", "run", make_folder(1).path, "--state", "flock.db").end()
    assert (2, "") == (code, output)
    assert "flock: --state: expected postgresql://…, where all herds find their journal, found a file" in errors


def test_observers_that_cannot_be_are_told_before_a_herd_goes_out(
    postgres: PostgresServer, start: Start, make_folder: Make
) -> None:
    """And without the secret that the URL of an alert holds."""
    variables = {"FLOCK_ALERT": "nonsense://sesame", "FLOCK_STATE": postgres.new_database()}
    code, output, errors = start("cluster", "run", make_folder(1).path, **variables).end()
    assert (2, "") == (code, output)
    assert errors.startswith("flock: --alert, URL 1: expected the Apprise URL of a service")
    assert "sesame" not in errors


def test_an_address_and_nodes_exclude_each_other(start: Start, make_folder: Make) -> None:
    code, _, errors = start("cluster", "run", make_folder(1).path, "--address", "ray://x:1", "--nodes", "2").end()
    assert 2 == code
    assert "--address and --nodes exclude each other; give one" in errors


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense", "a:b:c"])
def test_an_address_where_nothing_listens_is_told_at_once(start: Start, address: str) -> None:
    """Ray would try for minutes."""
    code, _, errors = start("cluster", "status", "--address", address).end()
    told = f"flock: --address {address}: nothing listens there; check the address, and that Ray runs\n"
    assert (2, told) == (code, errors)


@pytest.mark.parametrize("arguments", [("status",), ("stop",), ("scale", "2")], ids=lambda each: each[0])
def test_without_a_cluster_the_other_commands_say_so(start: Start, arguments: tuple[str, ...]) -> None:
    code, output, errors = start("cluster", *arguments).end()
    assert (74, "", "flock: no cluster runs on this machine; give --address\n") == (code, output, errors)


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "find_spec", {}.get)
    with pytest.raises(BadOption, match=r"Ray is not installed; type: pip install 'poem-flock\[cluster\]'"):
        placing.imported()


def test_ray_is_not_imported_before_its_token_is_known() -> None:
    """Ray reads it once, when it is imported."""
    placing.require()
    assert "ray" not in sys.modules


def test_keys_are_checked_before_they_go_to_herds(postgres: PostgresServer, make_folder: Make) -> None:
    """All bad files in one go; and nothing is claimed."""
    folder = make_folder(3).path
    state = parse_database(postgres.new_database())
    options = settle_options({"state": state}, environment={})
    assert 3 == len(checked_keys(folder, options))
    for name in ("bot0", "bot2"):
        (folder / f"{name}.json").write_text("{}")
    with pytest.raises(BadKeys) as bad:
        checked_keys(folder, options)
    assert {Path(folder, "bot0.json"), Path(folder, "bot2.json")} == {each.file for each in bad.value.problems}
    skipping = settle_options({"state": state, "skip_bad": True}, environment={})
    assert ["bot1"] == [key.screen_name for key in checked_keys(folder, skipping)]
    assert [] == postgres.execute("SELECT * FROM lease", url=state.url)


def test_hours_that_cannot_be_kept_are_told_before_keys_go_to_herds(
    postgres: PostgresServer, make_folder: Make
) -> None:
    """For each bot, as by a flock on one machine."""
    given = {"state": parse_database(postgres.new_database()), "schedule": "0 3 * * *", "awake": "08:00-23:00"}
    with pytest.raises(BadKeys) as bad:
        checked_keys(make_folder(2).path, settle_options(given, environment={}))
    assert ["bot0.json", "bot1.json"] == [problem.file.name for problem in bad.value.problems]


def test_intervals_of_0_are_refused_on_a_real_network(postgres: PostgresServer, make_folder: Make) -> None:
    """As by a flock on one machine."""
    given = {"state": parse_database(postgres.new_database()), "line_interval": 0.0}
    with pytest.raises(BadKeys, match="line_interval"):
        checked_keys(make_folder(2).path, settle_options(given, environment={}))
