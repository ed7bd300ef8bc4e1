"""Herds on a real Ray cluster of three nodes on this machine, with a real PostgreSQL: killed, dealt out anew, and
ended. Each line is said once, and in its order, and nothing is left behind.

The tests share one cluster, because its start takes most of their time; the last one ends it.
"""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import simplejson as json

from tests.cluster.conftest import WatchedPasture, make_keys
from tests.cluster.running import METRICS, PATIENCE, Cluster, signal_node_of
from tests.endtoend.conftest import write_key
from tests.postgres import PASSWORD, PostgresServer

BOTS, LINES = 6, 4000  # more lines than are said here, so that no line comes again
NEWCOMER = "bot6.json"


@pytest.fixture(scope="module")
def cluster(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a cluster whose bots all post."""
    folder = tmp_path_factory.mktemp("cluster")
    keys = make_keys(folder, BOTS + 1, LINES)
    (keys.path / NEWCOMER).rename(folder / NEWCOMER)
    newcomer = keys.poems.pop("bot6")
    with WatchedPasture(keys.accounts) as pasture:
        cluster = Cluster(folder, postgres.new_database(), keys, pasture)
        try:
            cluster.wait_for_more()
            cluster.newcomer = newcomer
            yield cluster
        finally:
            cluster.close()


def test_its_herds_are_spread_over_the_nodes(cluster: Cluster) -> None:
    herds = cluster.herds()
    assert ["herd-0001", "herd-0002", "herd-0003"] == sorted(herds)
    assert [("out", 2)] * 3 == [(each["state"], each["bots"]) for each in herds.values()]
    assert 3 == len({each["node"] for each in herds.values()})


def test_all_its_bots_are_watched_from_one_place(cluster: Cluster) -> None:
    """By the journal: `--metrics` and `flock status` show the bots of all herds."""

    def scraped() -> list[str]:
        with urllib.request.urlopen(f"http://{METRICS}/metrics") as answer:
            return str(answer.read(), "utf-8").splitlines()

    cluster.wait_until(lambda: 'flock_bots{state="well"} 6.0' in scraped(), "metrics of all bots")
    assert "flock_alive 1.0" in scraped()
    said = f'flock_posts_total{{outcome="said",service="{cluster.pasture.url}"}}'
    cluster.wait_until(lambda: any(line.startswith(said) for line in scraped()), "posts in the metrics")

    looked = ("--json", *cluster.options)
    code, output, errors = cluster.flock("status", cluster.keys.path, *looked).end(PATIENCE)
    assert code == 0, errors
    overview = json.loads(output)
    assert [2, 2, 2] == [each["bots"] for each in overview["processes"]]
    assert 6 == len([bot for bot in overview["bots"] if bot["pid"]])


def test_ray_writes_down_no_secret(cluster: Cluster) -> None:
    """Neither of the keys nor of the database, in any of its files. The lines of the poems are there: its log has
    them. The environment of its processes has none, either."""
    secrets = [each.token_secret.get_secret_value().encode() for each in cluster.keys.accounts]
    secrets += [PASSWORD.encode(), b"secret-of-the-app"]
    content = b"".join(file.read_bytes() for file in cluster.temporary.rglob("*") if file.is_file())
    assert b"what bot0 has to say" in content
    assert [] == [secret for secret in secrets if secret in content]
    own = cluster.processes() - {cluster.run.process.pid}
    environments = b"".join(Path(f"/proc/{pid}/environ").read_bytes() for pid in own)
    assert str(cluster.temporary).encode() in environments
    assert b"FLOCK_" not in environments


def test_a_herd_that_is_killed_is_out_again(cluster: Cluster) -> None:
    killed = (cluster.known or cluster.herds())["herd-0001"]
    os.kill(killed["pid"], signal.SIGKILL)
    cluster.wait_for_more()

    herd = cluster.herds()["herd-0001"]
    assert ("out", 2) == (herd["state"], herd["bots"])
    assert herd["pid"] != killed["pid"]
    cluster.assert_each_line_is_said_once()


def test_the_herd_of_a_node_that_is_killed_is_out_on_another(cluster: Cluster) -> None:
    killed = (cluster.known or cluster.herds())["herd-0002"]
    signal_node_of(killed["pid"], signal.SIGKILL)
    cluster.wait_for_more()

    herds = cluster.herds()
    assert [("out", 2)] * 3 == [(each["state"], each["bots"]) for each in herds.values()]
    assert herds["herd-0002"]["pid"] != killed["pid"]
    cluster.assert_each_line_is_said_once()


def test_keys_that_have_changed_are_dealt_out_anew(cluster: Cluster) -> None:
    """At SIGHUP. Bad ones are told, and the herds go on with those that they have."""
    (cluster.home.parent / NEWCOMER).rename(cluster.keys.path / NEWCOMER)
    (cluster.keys.path / "bot5.json").write_text("{}")
    cluster.run.process.send_signal(signal.SIGHUP)
    cluster.wait_for_more()
    assert [2, 2, 2] == [each["bots"] for each in cluster.herds().values()]

    (cluster.keys.path / "bot5.json").unlink()
    (cluster.keys.path / "bot4.json").unlink()
    cluster.run.process.send_signal(signal.SIGHUP)
    del cluster.keys.poems["bot5"], cluster.keys.poems["bot4"]
    cluster.keys.poems["bot6"] = cluster.newcomer
    cluster.wait_for_more()
    assert [2, 2, 1] == [each["bots"] for each in cluster.herds().values()]
    cluster.assert_each_line_is_said_once()


def test_it_can_be_reached_by_its_address(cluster: Cluster, tmp_path: Path) -> None:
    """From another machine, as it were. Keys of quite another flock do not replace its own."""
    code, output, errors = cluster.by_address("status", "--json").end(PATIENCE)
    assert (0, 3) == (code, len(json.loads(output)["herds"])), errors

    (tmp_path / "keys").mkdir()
    write_key(tmp_path / "keys", "stranger", 1, ["a line"])
    code, output, errors = cluster.by_address("run", tmp_path / "keys", *cluster.options).end(PATIENCE)
    refused = "flock: herd-0001 runs the bots of another flock; type first: flock cluster stop\n"
    assert (2, "", refused) == (code, output, errors[-len(refused) :])


def test_the_same_keys_once_more_change_nothing(cluster: Cluster) -> None:
    before = (cluster.known or cluster.herds())["herd-0001"]["pid"]
    again = ("run", cluster.keys.path, *cluster.options, "--herds", "3")
    code, output, errors = cluster.by_address(*again).end(PATIENCE)
    assert (0, "3 of 3 herds are out, with 5 bots\n") == (code, output), errors
    assert "nothing has changed since the herds were placed" in errors
    assert before == cluster.herds()["herd-0001"]["pid"]


def test_its_bots_can_be_dealt_out_anew(cluster: Cluster) -> None:
    code, output, errors = cluster.command("scale", "2").end(PATIENCE)
    assert (0, "2 of 2 herds are out, with 5 bots\n") == (code, output), errors
    cluster.wait_for_more()
    cluster.assert_each_line_is_said_once()


def test_control_c_ends_all_of_it(cluster: Cluster) -> None:
    """No process, no file of Ray's or of the herds', and no line that is said twice."""
    assert cluster.processes()
    code, output, errors = cluster.run.stop(signal.SIGINT)
    assert code == 0, errors
    assert errors.endswith("stopped; the Ray cluster is gone\n")
    assert set() == cluster.processes()
    ended = json.loads(cluster.troubles.read_text().splitlines()[-1])
    assert ("ended", ["stopped as asked"]) == (ended["kind"], ended["whys"])
    assert [] == list(cluster.temporary.iterdir())
    assert [] == list(cluster.home.iterdir())
    assert PASSWORD not in output + errors
    cluster.assert_each_line_is_said_once()
    code, _, errors = cluster.command("status").end()
    assert (74, "flock: no cluster runs on this machine; give --address\n") == (code, errors)
