"""A Twitter to practise on: an embedded server on loopback, as strict as X where X is strict.

    with Pasture([account]) as pasture:
        twitter.Api(..., base_url=pasture.url + "/1.1").PostUpdate("the fog comes")
        pasture.store.posts()

It speaks the posting and reading parts of API v1.1 and v2, checks OAuth 1.0a signatures, and shows what was said
at `/`.
"""

from flock.pasture.accounts import Account
from flock.pasture.limits import RateLimit
from flock.pasture.server import Pasture
from flock.pasture.store import Post

__all__ = ["Account", "Pasture", "Post", "RateLimit"]
