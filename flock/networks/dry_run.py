"""A network that posts nothing: for --dry-run and for rehearsals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flock.errors import Duplicate
from flock.networks.base import Intent, Post
from flock.networks.service import Service
from flock.networks.x.length import fits_a_tweet


class DryRun:
    """Sends no post. Counts length by `fits`: as X does, the default network, unless another is given.

    With `refuses_duplicates` it refuses what X documents: the same text twice in a row.
    """

    looks_first = False

    def __init__(
        self, service: Service, *, fits: Callable[[str], bool] = fits_a_tweet, refuses_duplicates: bool = True
    ) -> None:
        self.service = service
        self.refuses_duplicates = refuses_duplicates
        self._fits = fits
        self._latest = ""

    def fits(self, text: str) -> bool:
        return self._fits(text)

    def is_safe_to_repeat(self, intent: Intent, now: float) -> bool:
        del intent, now
        return True

    def post(self, text: str, intent: Intent | None = None) -> str:
        del intent
        if self.refuses_duplicates and text.strip() == self._latest:
            raise Duplicate("the same text twice in a row")
        self._latest = text.strip()
        return ""

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        del since_id
        return ()
