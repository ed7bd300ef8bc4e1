"""The keeper of a cluster on this machine: nothing outlives the command that runs the cluster."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.conftest import WatchedPasture, make_keys
from tests.cluster.running import PATIENCE, Cluster, wait_until
from tests.postgres import PostgresServer


def test_a_cluster_ends_with_the_process_that_runs_it(postgres: PostgresServer, tmp_path: Path) -> None:
    """Also when that is killed."""
    keys = make_keys(tmp_path, 2)
    with WatchedPasture(keys.accounts) as pasture:
        cluster = Cluster(tmp_path, postgres.new_database(), keys, pasture)
        try:
            wait_until(lambda: len(cluster.processes()) > 3, "Ray's processes")
            cluster.run.process.kill()
            cluster.run.end(PATIENCE)
            wait_until(lambda: not cluster.processes(), "the end of all processes")
            assert [] == list(cluster.temporary.iterdir())
            code, _, errors = cluster.command("status").end()
            assert (74, "flock: no cluster runs on this machine; give --address\n") == (code, errors)
        finally:
            cluster.close()
