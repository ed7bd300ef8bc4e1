"""The pasture's pages, made of templates: the timeline, and the pages with forms. Every value is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from markupsafe import Markup
from werkzeug.wrappers import Request, Response

from flock.pages.page import WITHOUT_SCRIPTS, Templates, if_changed, static_answer
from flock.pages.texts import direction
from flock.pasture.timeline import Network, View, lines_of

_PACKAGE = "flock.pasture"


@cache
def _templates() -> Templates:
    return Templates(_PACKAGE, {"direction": direction})


def timeline_page(request: Request, networks: Mapping[str, Network], now: float) -> Response:
    """Return the page with the posts that are asked for; a 304 to a reader who has it."""
    view = View.asked(request.args, networks)
    lines = lines_of(view, networks)
    page = _templates().page("timeline.html", view=view, networks=networks, lines=lines, now=now)
    return if_changed(request, page)


def form_page(title: str, body: Markup, status: int = 200) -> Response:
    """Return a page whose forms may be sent to this server, and to no other."""
    response = _templates().page("form.html", status, title=title, body=body)
    response.headers.update(WITHOUT_SCRIPTS)
    return response


def static_page(request: Request, name: str) -> Response | None:
    """Return a style, a script or a picture; None where there is none of that name."""
    return static_answer(request, name, _PACKAGE)
