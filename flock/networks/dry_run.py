"""A network that goes nowhere: for seeing what would be said."""

from __future__ import annotations

from collections.abc import Sequence

from flock.networks.base import Post
from flock.networks.x.length import fits_a_tweet


class DryRun:
    """Takes every post and sends none. It counts length as X does."""

    refuses_duplicates = False

    def fits(self, text: str) -> bool:
        return fits_a_tweet(text)

    def post(self, text: str) -> Post:
        return Post(id="", text=text)

    def recent(self, since_id: str | None = None) -> Sequence[Post]:
        del since_id
        return ()
