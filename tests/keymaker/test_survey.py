"""What a folder of key files holds, and what the networks say to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flock.errors import BadKeys
from flock.keymaker import Keymaker, Report
from flock.pasture import Pasture
from tests.keymaker.person import Person, code_on, press

Make = Callable[..., Keymaker]


@pytest.fixture
def three(make: Make, poem: Path, pasture: Pasture) -> Keymaker:
    """A Keymaker that has made a key on each network."""
    keymaker = make(person := Person(accounts=["dolly", "ewe"]))
    keymaker.new("x", poem)
    keymaker.new("mastodon", poem)
    person.answers.append(code_on(press(f"{pasture.url}/settings/app-passwords", "ram.test")))
    keymaker.new("bluesky", poem, screen_name="ram.test")
    return keymaker


def by_name(reports: tuple[Report, ...]) -> dict[str, Report]:
    return {report.file.name: report for report in reports}


def test_each_key_file_has_a_report_in_the_order_of_their_names(three: Keymaker) -> None:
    """No network is asked."""
    reports = three.list()

    assert ["dolly.json", "ewe@pasture.json", "ram.test.json"] == [each.file.name for each in reports]
    assert {(0o600, "", False, True)} == {(each.mode, each.says, each.is_open, each.is_usable) for each in reports}


def test_each_network_says_who_the_account_is(three: Keymaker) -> None:
    """In one line."""
    says = [each.says.partition(": ")[2] for each in three.verify(online=True)]

    assert says[0].startswith("this is @dolly, number ")
    assert "this is @ewe, not marked as an automated account" == says[1]
    assert says[2].startswith("this is ram.test, did:plc:")


def test_a_revoked_token_is_refused(three: Keymaker, pasture: Pasture) -> None:
    """And the others are good."""
    pasture.revoke("dolly")
    reports = three.verify(online=True)

    assert ["dolly.json"] == [each.file.name for each in reports if not each.is_usable]
    assert "authorize the account again" in reports[0].says


def test_a_network_that_is_away_leaves_the_key_unknown(three: Keymaker, pasture: Pasture) -> None:
    """It is no fault of the key."""
    pasture.close()
    reports = three.verify(online=True)

    assert {(True, True)} == {(each.is_usable, each.is_unknown) for each in reports}
    assert all("takes no connection" in each.says for each in reports)


def test_an_account_that_is_called_otherwise_is_told(three: Keymaker, keys: Path) -> None:
    """It was renamed, or the tokens are of another account."""
    file = keys / "dolly.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"screen_name": "wolf"}))

    assert "the key file says wolf" in by_name(three.verify(online=True))["dolly.json"].says


def test_a_key_that_practises_is_asked_nowhere(three: Keymaker, keys: Path) -> None:
    """Without the address of a practice server."""
    with Keymaker(keys) as keymaker:
        assert {"practises; no network knows it"} == {each.says for each in keymaker.verify(online=True)}


def test_all_problems_are_reported_at_once(three: Keymaker, keys: Path) -> None:
    """Each file with all of its own; and open permissions, which are none."""
    (keys / "broken.json").write_text("{")
    (keys / "empty.json").write_text("{}")
    real = keys / "real.json"
    real.write_text(json.dumps(json.loads((keys / "dolly.json").read_text()) | {"network": "x"}))
    real.chmod(0o644)
    (keys / "dolly.json").unlink()
    reports = by_name(three.list())

    assert 1 == len(reports["broken.json"].problems)
    assert len(reports["empty.json"].problems) > 1
    assert (True, True) == (reports["real.json"].is_usable, reports["real.json"].is_open)


def test_a_folder_without_keys_is_an_error(tmp_path: Path) -> None:
    """As for a flock."""
    with pytest.raises(BadKeys):
        Keymaker(tmp_path).list()
