"""API v2, which X uses today: reads and writes JSON, and refuses unknown fields and parameters."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from werkzeug.wrappers import Request

from flock.pasture.accounts import Account
from flock.pasture.answers import Refused, invalid
from flock.pasture.drafts import Draft, checked_text
from flock.pasture.parameters import MOST_DIGITS, whole_number
from flock.pasture.store import LARGEST_ID, Post, Span

_TIMELINE_PARAMETERS = {"max_results", "since_id", "until_id", "tweet.fields"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Reply(_Strict):
    in_reply_to_tweet_id: Annotated[str, StringConstraints(pattern=rf"^[0-9]{{1,{MOST_DIGITS}}}$")]


class _NewTweet(_Strict):
    text: str
    reply: _Reply | None = None


def read_draft(request: Request) -> Draft:
    """Return the draft in a JSON body. Raises Refused, also for unknown fields."""
    if request.mimetype != "application/json":
        raise Refused(invalid("The Content-Type must be application/json"))
    try:
        tweet = _NewTweet.model_validate_json(request.get_data())
    except ValidationError as error:
        # `from None`: the cause holds the whole body, which must not get into a log.
        raise Refused(invalid(_complaint(error))) from None
    return Draft(checked_text(tweet.text), tweet.reply.in_reply_to_tweet_id if tweet.reply else None)


def read_span(request: Request) -> Span:
    """Return the requested part of a timeline: 5 to 100 posts. Raises Refused."""
    unknown = sorted(set(request.args) - _TIMELINE_PARAMETERS)
    if unknown:
        raise Refused(invalid(f"The query parameter [{unknown[0]}] is not one of the pasture's"))
    since_id = whole_number(request.args, "since_id", default=0)
    until_id = whole_number(request.args, "until_id", default=LARGEST_ID, least=1)
    return Span(
        count=whole_number(request.args, "max_results", default=10, least=5, most=100),
        since_id=min(since_id, LARGEST_ID),
        max_id=min(until_id - 1, LARGEST_ID),
    )


def created(post: Post) -> dict[str, Any]:
    """Return the answer to a post that was accepted."""
    return {"data": _tweet(post)}


def timeline(posts: list[Post], request: Request) -> dict[str, Any]:
    """Return the answer with these posts of a timeline. Without posts it has no `data`, as on X."""
    if not posts:
        return {"meta": {"result_count": 0}}
    fields = request.args.get("tweet.fields", "").split(",")
    tweets = [_tweet(post) | ({"created_at": _when(post)} if "created_at" in fields else {}) for post in posts]
    meta = {"result_count": len(posts), "newest_id": str(posts[0].id), "oldest_id": str(posts[-1].id)}
    return {"data": tweets, "meta": meta}


def user(account: Account) -> dict[str, Any]:
    """Return the answer with an account."""
    return {"data": {"id": account.user_id, "name": account.screen_name, "username": account.screen_name}}


def _tweet(post: Post) -> dict[str, Any]:
    """Return a post. `&`, `<` and `>` in the text are HTML entities, as on X."""
    return {
        "id": str(post.id),
        "text": html.escape(post.text, quote=False),
        "edit_history_tweet_ids": [str(post.id)],
    }


def _when(post: Post) -> str:
    moment = datetime.fromtimestamp(post.created_at, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ".".join(["$", *map(str, first["loc"])]) + f": {first['msg']}"
