"""The observers of a flock that the command line asks for: alerts and metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from flock import __version__
from flock.cli import options
from flock.errors import BadOption

if TYPE_CHECKING:
    from flock.events import Listener
    from flock.journal.groups import GroupCommit
    from flock.observers.metrics import Metrics
    from flock.shepherd import Shepherd

log = logging.getLogger(__name__)

_INSTALL = "type: pip install 'poem-flock[metrics]'"
_URLS = "An Apprise URL to send alerts to, or @FILE with one a line; may be given several times. It is a secret:"
alert = click.option(
    "--alert",
    "alert",
    metavar="URL",
    multiple=True,
    envvar="FLOCK_ALERT",
    show_envvar=True,
    help=f"{_URLS} prefer the variable or a file.",
)
on_trouble = click.option(
    "--on-trouble",
    metavar="COMMAND",
    envvar="FLOCK_ON_TROUBLE",
    show_envvar=True,
    help="A command to run for each alert, without a shell; it gets the alert as JSON on its standard input.",
)
metrics = click.option(
    "--metrics",
    metavar="HOST:PORT",
    envvar="FLOCK_METRICS",
    show_envvar=True,
    help="Serve metrics for Prometheus and /healthz there; a PORT alone is on this machine only.",
)
asked_for = options.together(alert, on_trouble, metrics)


class Observers:
    """The observers that are asked for, and what they need at the start and at the end of a flock.

    Raises BadOption when a target or the address cannot be used.
    """

    def __init__(self, alert: Sequence[str], on_trouble: str | None, metrics: str | None, *, once: bool) -> None:
        self.listeners: list[Listener] = []
        self._closing: list[Callable[[], Any]] = []
        self._metrics: Metrics | None = None
        if alert or on_trouble:
            from flock.observers.alerts import Alerts  # noqa: PLC0415 - only where it is asked for
            from flock.observers.targets import targets  # noqa: PLC0415

            alerts = Alerts(targets(alert, on_trouble), once=once)
            self.listeners.append(alerts)
            self._closing.append(alerts.close)

        if metrics:
            try:
                from flock.observers.metrics import Metrics  # noqa: PLC0415 - an extra
                from flock.observers.serving import MetricsServer, parse_address  # noqa: PLC0415
            except ImportError:
                raise BadOption(f"--metrics: prometheus-client is not installed; {_INSTALL}") from None
            self._metrics = Metrics(__version__)
            server = MetricsServer(self._metrics, *parse_address(metrics))
            log.info("metrics are served at %s/metrics", server.url)
            self.listeners.append(self._metrics)
            self._closing.append(server.close)

    def watch(self, shepherd: Shepherd) -> None:
        """Measure what no event tells of: the commits of the journal."""
        commits: GroupCommit | None = getattr(shepherd.context.journal, "commits", None)  # not of a dry run's
        if self._metrics and commits:
            commits.measure(self._metrics.committed)

    def close(self) -> bool:
        """Send what is left and stop serving; return whether all was sent within some seconds."""
        closed = [close() is not False for close in self._closing]
        return all(closed)
