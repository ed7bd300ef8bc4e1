"""flock cluster: herds on several machines, which Ray places and starts anew."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flock.cli import observers, options
from flock.cli.exits import EXIT_CODES, NamedExits

if TYPE_CHECKING:
    from flock.observers.console import LogFormat
    from flock.options import Options

_NODES = 3
_OUT = 60.0  # seconds until the herds on other machines should be out
_END = 60.0  # seconds for the end of a cluster on this machine
_COLUMNS = ("herd", "state", "bots", "penned", "node", "pid")

log = logging.getLogger(__name__)

address = click.option(
    "--address",
    metavar="ADDRESS",
    envvar="FLOCK_ADDRESS",
    show_envvar=True,
    help="A Ray cluster that runs: ray://HOST:10001, or HOST:6379 on one of its machines.",
)
herds = click.option(
    "--herds",
    type=click.IntRange(1, 9999),
    metavar="H",
    envvar="FLOCK_HERDS",
    show_envvar=True,
    help="Number of herds.  [default: one for each node]",
)


@click.group()
def cluster() -> None:
    """Run herds on several machines: Ray places them and starts them anew; the journal is in PostgreSQL.

    It needs more packages; type: pip install 'poem-flock[cluster]'
    """


@cluster.command(epilog=EXIT_CODES)
@click.argument("keys", type=click.Path(path_type=Path, readable=False))
@address
@click.option(
    "--nodes",
    type=click.IntRange(1, 200),
    metavar="N",
    envvar="FLOCK_NODES",
    show_envvar=True,
    help=f"Without --address: number of nodes on this machine.  [default: {_NODES}]",
)
@herds
@options.running
@options.option("dry_run", "", "Not with a cluster: see flock run.", hidden=True)
@options.log_format
@observers.asked_for
@options.verbose
@options.quiet
def run(
    keys: Path,
    *,
    address: str | None,
    nodes: int | None,
    herds: int | None,
    alert: tuple[str, ...],
    on_trouble: str | None,
    metrics: str | None,
    log_format: LogFormat,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Run the bots of the folder KEYS as herds on a Ray cluster.

    Without --address, a cluster of N nodes is started on this machine, and SIGTERM or Ctrl-C ends all of it. With
    --address, the herds are placed on that cluster and stay there; `flock cluster stop` ends them. The keys are
    checked here, and each herd gets those of its own bots. When keys have changed, run this again with --address,
    or send it SIGHUP: the bots are dealt out anew.

    With --alert, --on-trouble or --metrics, all bots are watched from here, by the journal. Then the command stays
    with --address, too, until SIGTERM or Ctrl-C, which end the watching alone.
    """
    if address and nodes:
        raise click.UsageError("--address and --nodes exclude each other; give one")
    level = options.log_level(verbose=verbose, quiet=quiet)
    with NamedExits():
        chosen = replace(options.chosen(given), pasture_port=None)  # herds on one machine cannot share a port
        from flock.cli.run import keep_secrets_in  # noqa: PLC0415
        from flock.cluster.checking import checked_keys  # noqa: PLC0415 - what --help can do without
        from flock.cluster.foreground import Foreground, wait_for_a_signal  # noqa: PLC0415
        from flock.cluster.placing import connected, deal_out, nodes_for_herds, require  # noqa: PLC0415
        from flock.cluster.slices import Slice, deal  # noqa: PLC0415
        from flock.observers.logs import log_to_stderr  # noqa: PLC0415

        keep_secrets_in()
        log_to_stderr(log_format, level)
        require()
        checked_keys(keys, chosen)  # before anything is asked of Ray, or told to anyone

        def dealt(count: int) -> list[Slice]:
            return deal(checked_keys(keys, chosen), herds or count, chosen, log_format=log_format, level=level)

        with closing(observers.Observers(alert, on_trouble, metrics, once=bool(address))) as others:
            if address:
                with connected(address) as ray:
                    handles = deal_out(ray, dealt(nodes_for_herds(ray)))
                    _tell(ray, handles, stays=bool(others.listeners))
                if others.listeners:
                    with _watched(keys, chosen, others):
                        log.info("the bots are watched; Ctrl-C ends that, and the herds go on")
                        wait_for_a_signal()
                return
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(line_buffering=True)  # Ray prints there what herds say, also into a pipe
            with _watched(keys, chosen, others) as read_folder:

                def dealt_here() -> list[Slice]:
                    slices = dealt(nodes or _NODES)
                    read_folder()
                    return slices

                Foreground(nodes or _NODES, _file(chosen), dealt_here).run()


@contextmanager
def _watched(keys: Path, chosen: Options, others: observers.Observers) -> Iterator[Callable[[], None]]:
    """Have the observers that are asked for watch the bots, and yield what tells that the folder has changed."""
    if not others.listeners:
        yield lambda: None
        return
    from flock.cluster.watching import Watching  # noqa: PLC0415
    from flock.events import Events  # noqa: PLC0415

    watching = Watching(keys, chosen, Events(others.listeners))
    with watching.going_on():
        yield watching.read_folder


def _tell(ray: Any, handles: dict[str, Any], *, stays: bool = False) -> None:
    """Wait until the herds are out, and say how they are.

    Raises ClusterError when one is not out, unless the command `stays` to watch them.
    """
    from flock.cluster.placing import wait_until_out  # noqa: PLC0415
    from flock.errors import ClusterError  # noqa: PLC0415
    from flock.observers.wording import harmless  # noqa: PLC0415

    reports = wait_until_out(ray, handles, _OUT)
    out = [report for report in reports if report["state"] == "out"]
    bots = sum(report["bots"] for report in out)
    click.echo(f"{len(out)} of {len(handles)} herds are out, with {bots} bots")
    for report in reports:
        if report["state"] != "out":
            click.echo(harmless(f"{report['herd']}: {report['state']}: {report['why']}"), err=True)
    if len(out) < len(handles) and not stays:
        raise ClusterError("not all herds are out; they go on trying: see flock cluster status")


def _file(chosen: Options) -> Path:
    """Return the file that tells of the cluster on this machine."""
    file = chosen.state_file
    return file.with_name(f"{file.name}.cluster")


@contextmanager
def _reached(address: str | None, given: dict[str, Any]) -> Iterator[Any]:
    """Connect to the cluster at the address, or to the one on this machine."""
    from flock.cluster.local import HEAD, found  # noqa: PLC0415
    from flock.cluster.placing import connected  # noqa: PLC0415

    node = None
    if not address:
        address, node = found(_file(options.chosen(given)))["address"], HEAD
    with connected(address, node) as ray:
        yield ray


@cluster.command(epilog=EXIT_CODES)
@address
@options.state
@options.as_json
def status(*, address: str | None, as_json: bool, **given: Any) -> None:
    """Show each herd: whether it is out, where, and with how many bots.

    `flock status` shows the bots, from the journal.
    """
    with NamedExits():
        from flock.cli.tables import print_json, print_table  # noqa: PLC0415
        from flock.cluster.placing import reports  # noqa: PLC0415
        from flock.observers.wording import harmless  # noqa: PLC0415

        with _reached(address, given) as ray:
            found = reports(ray)
        if as_json:
            print_json({"herds": found})
            return
        rows = [[report.get(column, "") for column in _COLUMNS] for report in found]
        print_table(_COLUMNS, rows, numbers=("bots", "penned", "pid"))
        for report in found:
            if report["why"]:
                click.echo(harmless(f"{report['herd']}: {report['why']}"))


@cluster.command(epilog=EXIT_CODES)
@address
@options.state
def stop(*, address: str | None, **given: Any) -> None:
    """End all herds after their posts under way; of a cluster on this machine, all of it.

    Their bots can then be run by another flock at once.
    """
    with NamedExits():
        from flock.cluster.local import found  # noqa: PLC0415
        from flock.cluster.placing import connected  # noqa: PLC0415
        from flock.cluster.placing import stop as stop_herds  # noqa: PLC0415
        from flock.errors import ClusterError  # noqa: PLC0415

        if address:
            with connected(address) as ray:
                click.echo(f"{stop_herds(ray)} herds have ended")
            return
        file = _file(options.chosen(given))
        os.kill(found(file)["pid"], signal.SIGTERM)
        deadline = time.monotonic() + _END
        while file.exists():
            if time.monotonic() > deadline:
                raise ClusterError("the cluster on this machine has not ended in a minute")
            time.sleep(0.1)
        click.echo("the cluster on this machine has ended")


@cluster.command(epilog=EXIT_CODES)
@click.argument("number", metavar="H", type=click.IntRange(1, 9999))
@address
@options.state
def scale(number: int, *, address: str | None, **given: Any) -> None:
    """Deal the bots out to H herds anew. For some seconds no bot posts; no line is lost or said twice."""
    with NamedExits():
        from flock.cluster.placing import scale as deal_anew  # noqa: PLC0415

        with _reached(address, given) as ray:
            _tell(ray, deal_anew(ray, number))
