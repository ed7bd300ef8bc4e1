"""Sheep share a session and its connections, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing.dummy import Pool as ThreadPool
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flock.keys import read_key
from flock.networks.http import Session
from flock.networks.service import Service
from flock.networks.x.api import X
from flock.pasture import Pasture
from tests.endtoend.conftest import Folder

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
