"""A network that posts nothing: for --dry-run and for rehearsals."""

from __future__ import annotations

from collections.abc import Sequence

from flock.networks.base import Post
from flock.networks.service import Service
from flock.networks.x.length import fits_a_tweet


class DryRun:
    """Accepts every post and sends none. Counts length as X does."""

    refuses_duplicates = False

    def __init__(self, service: Service) -> None:
        self.service = service

    def fits(self, text: str) -> bool:
        return fits_a_tweet(text)

    def post(self, text: str) -> Post:
        return Post(id="", text=text)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        del since_id
        return ()
