"""The practice server: an embedded HTTP server on loopback with X's API and X's rules.

    with Pasture([account]) as pasture:
        twitter.Api(..., base_url=pasture.url + "/1.1").PostUpdate("the fog comes")
        pasture.store.posts()

It has the posting and reading parts of API v1.1 and v2, checks OAuth 1.0a signatures, and shows the posts on a
page at `/`. Bots on Bluesky and Mastodon find their networks' APIs there, too.
"""

from flock.pasture.accounts import Account
from flock.pasture.limits import RateLimit
from flock.pasture.server import Pasture
from flock.pasture.store import Post

__all__ = ["Account", "Pasture", "Post", "RateLimit"]
