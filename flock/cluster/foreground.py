"""Herds on a cluster of this machine alone, until SIGTERM or Ctrl-C; SIGHUP deals changed keys out anew."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flock.cluster.local import HEAD, LocalRay
from flock.cluster.placing import connected, deal_out, place, stop
from flock.cluster.slices import Slice
from flock.errors import ClusterError, FlockError
from flock.signals import Signals

log = logging.getLogger(__name__)

_LOOK = 0.5  # seconds between two looks at the nodes


class Foreground:
    """Runs what `deal` deals out on `nodes` nodes. `file` tells other commands of the cluster."""

    def __init__(self, nodes: int, file: Path, deal: Callable[[], Sequence[Slice]]) -> None:
        self._nodes = nodes
        self._file = file
        self._deal = deal
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self._called = False
        self._is_hurried = False
        self._signals = Signals(self._heed)

    def run(self) -> None:
        """Start the cluster, and run the herds until a signal tells to stop; then end all of it.

        Raises FlockError when the herds cannot be dealt out, and ClusterError when Ray does not start or has
        ended.
        """
        slices = self._deal()
        with self._signals.listening():
            log.info("a Ray cluster of %d nodes starts on this machine", self._nodes)
            try:
                self._run(slices)
            except (ClusterError, KeyboardInterrupt) as error:
                if not self._stopped.is_set():
                    raise
                if isinstance(error, ClusterError):
                    log.warning("%s", error)
        log.info("stopped; the Ray cluster is gone")

    def _run(self, slices: Sequence[Slice]) -> None:
        with (
            LocalRay(self._nodes, self._file, self._stopped.is_set) as local,
            connected(local.address, HEAD, shows_output=True) as ray,
            self._signals.listening(),  # again: Ray has handlers of its own
        ):
            local.wait_for_nodes(ray)
            place(ray, slices)
            bots = sum(len(each.keys) for each in slices)
            log.info("%d bots go out in %d herds; Ctrl-C ends all of it", bots, len(slices))
            while not self._stopped.is_set():
                self._woken.wait(_LOOK)
                if self._called:
                    self._called = False
                    self._woken.clear()
                    self._deal_anew(ray)
                for node in local.look_after():
                    log.warning("the node %s is gone; its herds go out again, and it is started again", node)
            log.info("stopping: herds end after their posts under way")
            stop(ray)

    def _heed(self, number: int) -> None:
        """Do later what a signal asks for, in the main thread. A second one to stop raises KeyboardInterrupt."""
        if number == signal.SIGHUP and not self._signals.terminal_is_gone:
            self._called = True
        elif not self._stopped.is_set():
            self._stopped.set()
        elif not self._is_hurried:
            self._is_hurried = True
            raise KeyboardInterrupt
        self._woken.set()

    def _deal_anew(self, ray: Any) -> None:
        """Deal out what has become of the keys; the herds go on as they are if that cannot be."""
        try:
            slices = self._deal()
            deal_out(ray, slices)
        except FlockError as error:
            log.error("%s", error)
            log.warning("the herds go on with the keys that they have")
        else:
            log.info("%d bots go out in %d herds", sum(len(each.keys) for each in slices), len(slices))


def wait_for_a_signal() -> None:
    """Return at SIGTERM, SIGINT or SIGHUP."""
    told = threading.Event()
    with Signals(lambda _: told.set()).listening():
        told.wait()
