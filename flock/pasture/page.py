"""The pasture's pages: the frame of all of them, and the latest posts. Every value from outside is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from markupsafe import Markup
from werkzeug.wrappers import Response

from flock.pasture.answers import SAFE_HEADERS
from flock.pasture.store import Post

_STYLE = """
:root { color-scheme: light dark; --ink: #2b2a27; --faint: #6f6a60; --paper: #faf8f3; --line: #e6e1d6;
  --grass: #3f6b35; }
@media (prefers-color-scheme: dark) { :root { --ink: #dcd7cb; --faint: #9c968a; --paper: #1c1b19; --line: #34322d;
  --grass: #9cc48f; } }
body { margin: 0 auto; max-width: 38rem; padding: 3rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 1.05rem/1.6 Georgia, "Iowan Old Style", serif; }
h1 { font-size: 1.3rem; font-weight: normal; font-style: italic; margin: 0 0 2rem; }
ol { list-style: none; margin: 0; padding: 0; }
ol li { border-top: 1px solid var(--line); padding: 1rem 0; }
li p { margin: 0 0 .3rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.by, .none, .hint { color: var(--faint); font-size: .85rem; }
.hint, .wrong, code { overflow-wrap: anywhere; }
.sheep { width: 5rem; height: 4rem; display: block; margin: 0 0 1rem; }
label { display: block; font-weight: bold; }
input { box-sizing: border-box; width: 100%; font: inherit; padding: .5rem .6rem; border: 1px solid var(--faint);
  border-radius: .3rem; background: transparent; color: inherit; }
button { font: inherit; min-height: 2.75rem; padding: .4rem 1.2rem; margin: 1rem .6rem 0 0; border-radius: .3rem;
  border: 1px solid var(--grass); background: transparent; color: var(--grass); cursor: pointer; }
button.main { background: var(--grass); color: var(--paper); }
.wrong { border-left: .25rem solid #b3402c; padding-left: .7rem; }
kbd code { font: 1.6rem/1.4 ui-monospace, monospace; user-select: all; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_PAGE = Markup(
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "{refresh}<title>{title}</title>\n<style>{style}</style>\n</head>\n"
    "<body>\n{body}\n</body>\n</html>\n"
)
_REFRESH = Markup('<meta http-equiv="refresh" content="10">\n')
_POST = Markup(
    '<li><p dir="auto">{text}</p><div class="by">{name} · <time datetime="{iso}">{when} UTC</time></div></li>\n'
)
_NO_POSTS = Markup('<p class="none">Nothing has been said yet.</p>')

_POLICY = SAFE_HEADERS["Content-Security-Policy"]
_HEADERS = SAFE_HEADERS | {
    "Content-Security-Policy": _POLICY.replace("'none';", f"'none'; style-src 'sha256-{_STYLE_HASH}';", 1)
}
# With "no-referrer" a browser would not say which page a form comes from: its Origin would be "null".
_HEADERS_OF_FORMS = _HEADERS | {
    "Content-Security-Policy": _HEADERS["Content-Security-Policy"].replace(
        "form-action 'none'", "form-action 'self'"
    ),
    "Referrer-Policy": "same-origin",
}

# Controls, but for tab and line feed; line separators; what reorders text (bidi). They are shown, not obeyed.
_HIDDEN = (
    *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)),
    *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),
)
_SHOWN = {code: f"\\u{code:04x}" for code in _HIDDEN}


def timeline_page(posts: Sequence[Post]) -> Response:
    """Return the page with these posts, in this order. It loads itself anew every ten seconds."""
    items = Markup().join(_item(post) for post in posts)
    timeline = Markup("<ol>\n{}</ol>").format(items) if posts else _NO_POSTS
    body = Markup("<h1>The pasture</h1>\n{}").format(timeline)
    return _response("The pasture", body, refresh=_REFRESH, headers=_HEADERS)


def form_page(title: str, body: Markup, status: int = 200) -> Response:
    """Return a page whose forms may be sent to this server, and to no other."""
    return _response(title, body, status=status, headers=_HEADERS_OF_FORMS)


def shown(text: str) -> str:
    """Return a text with an escape for each control character, and for what reorders text."""
    return text.translate(_SHOWN)


def _response(
    title: str, body: Markup, *, headers: Mapping[str, str], status: int = 200, refresh: Markup | str = ""
) -> Response:
    page = _PAGE.format(title=title, style=Markup(_STYLE), refresh=refresh, body=body)  # noqa: S704  # our own constant
    return Response(page, status, headers, content_type="text/html; charset=utf-8")


def _item(post: Post) -> Markup:
    moment = datetime.fromtimestamp(post.created_at, UTC)
    return _POST.format(
        text=shown(post.text),
        name=shown(post.screen_name),
        iso=moment.isoformat(timespec="seconds"),
        when=moment.strftime("%Y-%m-%d %H:%M:%S"),
    )
