"""API v1.1, which python-twitter uses: reads forms and writes status objects."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request

from flock.pasture.accounts import Account
from flock.pasture.answers import EMPTY, Refused
from flock.pasture.drafts import Draft, checked_text
from flock.pasture.parameters import whole_number
from flock.pasture.store import LARGEST_ID, Post, Span

_LONGEST_TIMELINE = 200


def read_draft(request: Request) -> Draft:
    """Return the draft in a form or in a query string: clients send either. Raises Refused."""
    status = request.values.get("status")
    if status is None:
        raise Refused(EMPTY)
    answered = whole_number(request.values, "in_reply_to_status_id", default=0)
    return Draft(checked_text(status), str(answered) if answered else None)


def read_span(request: Request) -> Span:
    """Return the requested part of a timeline. A `count` above 200 means 200, as on X. Raises Refused."""
    return Span(
        count=min(whole_number(request.args, "count", default=20), _LONGEST_TIMELINE),
        since_id=_read_id(request, "since_id", default=0),
        max_id=_read_id(request, "max_id", default=LARGEST_ID),
    )


def status(post: Post, account: Account) -> dict[str, Any]:
    """Return a post as a v1.1 status object. `&`, `<` and `>` in the text are HTML entities, as on X."""
    return {
        "created_at": _when(post.created_at),
        "id": post.id,
        "id_str": str(post.id),
        "text": html.escape(post.text, quote=False),
        "truncated": False,
        "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
        "source": '<a href="https://example.invalid" rel="nofollow">pasture</a>',
        "in_reply_to_status_id": int(post.in_reply_to) if post.in_reply_to else None,
        "in_reply_to_status_id_str": post.in_reply_to,
        "in_reply_to_user_id": None,
        "in_reply_to_user_id_str": None,
        "in_reply_to_screen_name": None,
        "user": user(account),
        "geo": None,
        "coordinates": None,
        "place": None,
        "contributors": None,
        "is_quote_status": False,
        "retweet_count": 0,
        "favorite_count": 0,
        "favorited": False,
        "retweeted": False,
        "lang": "und",
    }


def user(account: Account) -> dict[str, Any]:
    """Return an account as a v1.1 user object."""
    return {
        "id": int(account.user_id),
        "id_str": account.user_id,
        "name": account.screen_name,
        "screen_name": account.screen_name,
        "location": "",
        "description": "",
        "url": None,
        "entities": {"description": {"urls": []}},
        "protected": False,
        "followers_count": 0,
        "friends_count": 0,
        "listed_count": 0,
        "favourites_count": 0,
        "created_at": _when(0),
        "verified": False,
        "lang": None,
        "default_profile": True,
        "default_profile_image": True,
    }


def _read_id(request: Request, name: str, *, default: int) -> int:
    return min(whole_number(request.args, name, default=default), LARGEST_ID)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %b %d %H:%M:%S +0000 %Y")
