"""Sheep share a session and its connections, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing.dummy import Pool as ThreadPool
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from flock.errors import OutcomeUnknown
from flock.keys import read_key
from flock.networks.http import Session
from flock.networks.service import Service
from flock.networks.x.api import X
from flock.pasture import Pasture
from tests.endtoend.conftest import Folder, write_key
from tests.faults.hostile import Fate, HostileServer
from tests.faults.modes import EXTRAS

BOTS, POSTS = 100, 10


def test_credentials_and_cookies_never_cross(make_folder: Callable[..., Folder]) -> None:
    """A hundred bots at once over one session: each post is its own account's, and no cookie comes back."""
    folder = make_folder(BOTS)
    cookies: list[str] = []

    def bake(app: WSGIApplication) -> WSGIApplication:
        def baking(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            cookies.extend(filter(None, [environ.get("HTTP_COOKIE")]))

            def start(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
                return start_response(
                    status, [*headers, ("Set-Cookie", f"guest={environ['HTTP_AUTHORIZATION'][-9:-1]}")]
                )

            return app(environ, start)  # type: ignore[arg-type]

        return baking

    with Pasture(folder.accounts, wrap=bake) as pasture:
        service = Service("the pasture", session=Session(pasture.url))
        bots = [
            X(read_key(folder.path / f"{name}.json"), service=service, root_url=pasture.url)
            for name in folder.poems
        ]
        jobs = [
            (bot, f"{number}: {name}")
            for number in range(POSTS)
            for bot, name in zip(bots, folder.poems, strict=True)
        ]
        with ThreadPool(32) as pool:
            pool.starmap(X.post, jobs, chunksize=1)
        service.close()
        said = {name: {post.text for post in pasture.store.posts(name)} for name in folder.poems}

    assert {name: {f"{number}: {name}" for number in range(POSTS)} for name in folder.poems} == said
    assert [] == cookies


def test_a_stray_answer_with_the_same_text_is_no_first_post(tmp_path: Path) -> None:
    """Two bots with the same first line use one connection, on which an answer comes that nobody asked for.

    The second bot has no post yet, by which it could see that the id is an old one; the first bot's post shows it.
    """
    write_key(tmp_path, "one", 1, ["baa"])
    write_key(tmp_path, "two", 2, ["baa"])
    stray = EXTRAS["the same answer that nobody asked for, much later"]
    with HostileServer({"one": Fate(stray.act)}) as network:
        service = Service("hostile", session=Session(network.url))
        one, two = (
            X(read_key(tmp_path / f"{name}.json"), service=service, root_url=network.url)
            for name in ("one", "two")
        )
        one.post("baa")
        with pytest.raises(OutcomeUnknown, match="names another post"):
            two.post("baa")
        assert (["baa"], []) == (network.said("one"), network.said("two"))
        two.post("baa")
        service.close()
        assert ["baa"] == network.said("two")


def test_large_numbers_of_others_spoil_no_later_post(tmp_path: Path) -> None:
    """A network may make them up; only the first post of a bot is compared with those of others."""
    write_key(tmp_path, "one", 1, ["baa"])
    with HostileServer({}) as network:
        service = Service("hostile", session=Session(network.url))
        one = X(read_key(tmp_path / "one.json"), service=service, root_url=network.url)
        one.post("baa")
        for number in range(20):
            service.session.is_own(str(10**19 + number), "another's token")
        one.post("baa again")
        service.close()
        assert ["baa", "baa again"] == network.said("one")
