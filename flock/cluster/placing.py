"""Ray, as far as herds need it: a connection, and the actors of the herds, by their names.

Ray says on which machine a herd runs, and starts it anew. It is never asked whether a herd still runs before
another may speak for its bots: the leases in the journal say that.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from flock.cluster.actor import PlacedHerd
from flock.cluster.slices import Slice, deal_anew, pack, unpack
from flock.errors import BadOption, ClusterError, printable

log = logging.getLogger(__name__)

NAMESPACE = "flock"
RESOURCE = "herd"  # of which each herd takes one, where the nodes of the cluster have it
ANSWER = 5.0  # seconds that a herd has for an answer
_END = 30.0  # seconds that a herd has to end
_SHOWN = 300  # characters of what Ray says
_LATE = "{} had posts under way for too long, or did not answer; killed"
_INSTALL = "type: pip install 'poem-flock[cluster]' (Linux with glibc, Python 3.14 or older)"


def require() -> None:
    """Raise BadOption where Ray is not installed. Ray is not imported: it reads its token then, once for all."""
    if find_spec("ray") is None:
        raise BadOption(f"flock cluster: Ray is not installed; {_INSTALL}")


def imported() -> Any:
    """Return Ray. Raises BadOption where it is not installed."""
    require()
    for name in ("RAY_DEDUP_LOGS", "RAY_COLOR_PREFIX", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        os.environ.setdefault(name, "0")
    import ray  # noqa: PLC0415 - an extra

    return ray


@contextmanager
def connected(address: str, node: str | None = None, *, shows_output: bool = False) -> Iterator[Any]:
    """Connect to the Ray cluster at `address` as its node with the address `node`, and yield Ray.

    With `shows_output`, what the herds print is printed here, too. Raises BadOption when no cluster answers there,
    and ClusterError when Ray fails meanwhile.
    """
    if not _listens(address):
        raise BadOption(
            f"--address {printable(address)}: nothing listens there; check the address, and that Ray runs"
        )
    ray = imported()
    given = {"_node_ip_address": node} if node else {}
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            logging_level=logging.ERROR,
            log_to_driver=shows_output,
            **given,
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise BadOption(
            f"--address {printable(address)}: no Ray cluster of this version answers there ({_shown(error)})"
        ) from None
    try:
        yield ray
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise ClusterError(f"Ray does not answer as it should: {_shown(error)}") from None
    finally:
        ray.shutdown()


def nodes_for_herds(ray: Any) -> int:
    """Return the number of nodes that herds can go to."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(RESOURCE in resources for resources in alive) or len(alive)


def _shown(error: Exception) -> str:
    """Return in one line what an error of Ray says: of a traceback, the last line."""
    text = str(error).strip()
    if "Traceback" in text or "ray::" in text:
        text = text.splitlines()[-1].strip()
    return printable(f"{type(error).__name__}: {' '.join(text.split())}")[:_SHOWN]


def _listens(address: str) -> bool:
    """Return whether a connection to the address can be made: Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=ANSWER).close()
    except (OSError, ValueError):
        return False
    return True


def place(ray: Any, slices: Sequence[Slice]) -> dict[str, Any]:
    """Make an actor for each slice, spread over the nodes, which Ray starts anew for ever; return their handles by
    their names.

    Raises BadOption when one of the herds is there already, or a slice is too large.
    """
    packed = {each.herd: pack(each) for each in slices}
    if there := names(ray):
        raise BadOption(f"{', '.join(there[:3])} is there already; type first: flock cluster stop")
    has_resource = RESOURCE in ray.cluster_resources()
    actor = ray.remote(PlacedHerd)
    return {
        name: actor.options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",
            num_cpus=0,
            resources={RESOURCE: 1} if has_resource else {},
            max_restarts=-1,
            max_task_retries=-1,
            max_concurrency=4,
            scheduling_strategy="SPREAD",
        ).remote(*parts)
        for name, parts in packed.items()
    }


def names(ray: Any) -> list[str]:
    """Return the names of the herds, those too that are just being started anew."""
    found = ray.util.list_named_actors(all_namespaces=True)
    return sorted(each["name"] for each in found if each["namespace"] == NAMESPACE)


def reports(ray: Any) -> list[dict[str, Any]]:
    """Return how each herd is doing, and the address of its node; "no answer" for those that give none in time."""
    return _reports_of(ray, _handles(ray))


def _reports_of(ray: Any, handles: dict[str, Any]) -> list[dict[str, Any]]:
    asked = {name: handle.__ray_call__.remote(_reported) for name, handle in handles.items()}
    done, _ = ray.wait([*asked.values()], num_returns=len(asked), timeout=ANSWER) if asked else ([], [])
    found = []
    for name, answer in asked.items():
        state, why = "no answer", "it is being started anew"
        if answer in done:
            try:
                found.append(ray.get(answer))
                continue
            except ray.exceptions.ActorUnavailableError:
                pass
            except ray.exceptions.RayError as error:
                state, why = "failed", _shown(error)
        found.append({"herd": name, "state": state, "why": why, "bots": 0, "penned": 0})
    return found


def _reported(herd: PlacedHerd) -> dict[str, Any]:
    return {**herd.report(), "node": imported().util.get_node_ip_address()}


def wait_until_out(ray: Any, handles: dict[str, Any], patience: float) -> list[dict[str, Any]]:
    """Wait until these herds are out, or have said why not; return what they report."""
    deadline = time.monotonic() + patience
    while True:
        found = _reports_of(ray, handles)
        is_over = all(each["state"] not in ("starting", "waiting", "no answer") for each in found)
        if is_over or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def stop(ray: Any) -> int:
    """End all herds after their posts under way, and return how many there were.

    Raises ClusterError for those that have not ended by themselves; they are killed.
    """
    handles = _handles(ray)
    if late := _end(ray, handles):
        raise ClusterError(_LATE.format(", ".join(late)))
    return len(handles)


def _end(ray: Any, handles: dict[str, Any]) -> list[str]:
    """End these herds, and return the names of those that were killed. All have ended then."""
    asked = {name: handle.stop.remote() for name, handle in handles.items()}
    done, _ = ray.wait([*asked.values()], num_returns=len(asked), timeout=_END) if asked else ([], [])
    late = []
    for name, answer in asked.items():
        has_ended = False
        if answer in done:
            with suppress(ray.exceptions.RayError):
                has_ended = ray.get(answer)
        if not has_ended:
            late.append(name)
        ray.kill(handles[name], no_restart=True)
    return late


def scale(ray: Any, herds: int) -> dict[str, Any]:
    """Deal the bots of all herds out to so many herds anew; return the handles of these by their names.

    The bots are given back before their new herds take them, so that nothing is said twice. Raises BadOption when
    there is no herd, or when one does not answer.
    """
    handles = _handles(ray)
    if not handles:
        raise BadOption("there is no herd; type first: flock cluster run")
    return _replace(ray, handles, deal_anew(_fetched_from(ray, handles), herds))


def deal_out(ray: Any, slices: Sequence[Slice]) -> dict[str, Any]:
    """Place these herds instead of those that are there, if they are others; return their handles by their names.

    Raises BadOption when one of those does not answer, or when they have none of these bots: it is another flock.
    """
    handles = _handles(ray)
    if not handles:
        return place(ray, slices)
    there = _fetched_from(ray, handles)
    if there == [*slices]:
        log.info("nothing has changed since the herds were placed")
        return handles
    if not _bots(there) & _bots(slices):
        raise BadOption(f"{next(iter(handles))} runs the bots of another flock; type first: flock cluster stop")
    return _replace(ray, handles, slices)


def _bots(slices: Sequence[Slice]) -> set[tuple[str, str]]:
    return {(key.network, key.screen_name) for each in slices for key in each.keys}


def _replace(ray: Any, handles: dict[str, Any], slices: Sequence[Slice]) -> dict[str, Any]:
    for each in slices:
        pack(each)  # before the others are ended: it may be too large
    if late := _end(ray, handles):
        log.warning("%s", _LATE.format(", ".join(late)))
    deadline = time.monotonic() + _END
    while names(ray):
        if time.monotonic() > deadline:
            raise ClusterError(
                "the herds have ended, and Ray still has their names; type again: flock cluster run"
            )
        time.sleep(0.1)
    return place(ray, slices)


def _handles(ray: Any) -> dict[str, Any]:
    found = {}
    for name in names(ray):
        with suppress(ValueError):  # it has ended meanwhile
            found[name] = ray.get_actor(name, namespace=NAMESPACE)
    return found


def _fetched_from(ray: Any, handles: dict[str, Any]) -> list[Slice]:
    return [_fetched(ray, name, handle) for name, handle in handles.items()]


def _fetched(ray: Any, name: str, handle: Any) -> Slice:
    """Ask a herd for its slice, part by part: a large answer would go into Ray's object store."""
    parts: list[bytes] = []
    try:
        while (part := ray.get(handle.part.remote(len(parts)), timeout=ANSWER)) is not None:
            parts.append(part)
    except (ray.exceptions.RayError, TimeoutError):
        raise BadOption(f"{name} does not answer: it is being started anew; try again in some seconds") from None
    return unpack(parts)
