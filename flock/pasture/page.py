"""The pasture's only page: the latest posts. Poems are untrusted, so every value is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup
from werkzeug.wrappers import Response

from flock.pasture.answers import SAFE_HEADERS
from flock.pasture.store import Post

_STYLE = """
:root { color-scheme: light dark; --ink: #2b2a27; --faint: #8a857a; --paper: #faf8f3; --line: #e6e1d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #dcd7cb; --paper: #1c1b19; --line: #34322d; } }
body { margin: 0 auto; max-width: 38rem; padding: 3rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 1.05rem/1.6 Georgia, "Iowan Old Style", serif; }
h1 { font-size: 1.3rem; font-weight: normal; font-style: italic; margin: 0 0 2rem; }
ol { list-style: none; margin: 0; padding: 0; }
li { border-top: 1px solid var(--line); padding: 1rem 0; }
li p { margin: 0 0 .3rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.by, .none { color: var(--faint); font-size: .85rem; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_PAGE = Markup(
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta http-equiv="refresh" content="10">\n'
    "<title>The pasture</title>\n<style>{style}</style>\n</head>\n"
    "<body>\n<h1>The pasture</h1>\n{timeline}\n</body>\n</html>\n"
)
_POST = Markup(
    '<li><p dir="auto">{text}</p><div class="by">{name} · <time datetime="{iso}">{when} UTC</time></div></li>\n'
)
_NO_POSTS = Markup('<p class="none">Nothing has been said yet.</p>')

_POLICY = SAFE_HEADERS["Content-Security-Policy"]
_HEADERS = SAFE_HEADERS | {
    "Content-Security-Policy": _POLICY.replace("'none';", f"'none'; style-src 'sha256-{_STYLE_HASH}';", 1)
}

# Controls, but for tab and line feed; line separators; what reorders text (bidi). They are shown, not obeyed.
_HIDDEN = (
    *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)),
    *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
)
_SHOWN = {code: f"\\u{code:04x}" for code in _HIDDEN}


def timeline_page(posts: Sequence[Post]) -> Response:
    """Return the page with these posts, in this order."""
    items = Markup().join(_item(post) for post in posts)
    timeline = Markup("<ol>\n{}</ol>").format(items) if posts else _NO_POSTS
    return Response(
        _PAGE.format(style=Markup(_STYLE), timeline=timeline),  # noqa: S704  # our own constant
        content_type="text/html; charset=utf-8",
        headers=_HEADERS,
    )


def _item(post: Post) -> Markup:
    moment = datetime.fromtimestamp(post.created_at, UTC)
    return _POST.format(
        text=post.text.translate(_SHOWN),
        name=post.screen_name.translate(_SHOWN),
        iso=moment.isoformat(timespec="seconds"),
        when=moment.strftime("%Y-%m-%d %H:%M:%S"),
    )
