"""Answers of the web page: HTML from templates, JSON, static files, each with headers that keep a browser safe."""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import simplejson as json
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from werkzeug.wrappers import Request, Response

from flock.observers.console import iso
from flock.web.texts import shown

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # else a form of ours would come without its origin
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_WORTH_IT = 1024  # bytes from which on an answer is compressed


class Static(NamedTuple):
    """A file that is served as it is."""

    content: bytes
    kind: str
    etag: str


@cache
def static_files() -> Mapping[str, Static]:
    """Return the files that are served under /static/, by name."""
    found = {}
    for file in files("flock.web").joinpath("static").iterdir():
        kind = _TYPES.get(f".{file.name.rpartition('.')[2]}")
        if kind:
            content = file.read_bytes()
            found[file.name] = Static(content, kind, hashlib.sha256(content).hexdigest()[:32])
    return found


def static_answer(request: Request, name: str) -> Response | None:
    """Return a static file; None where there is none of that name. A browser asks each time if it has changed."""
    file = static_files().get(name)
    if file is None:
        return None
    return if_changed(request, Response(file.content, headers=HEADERS, content_type=file.kind), file.etag)


def if_changed(request: Request, response: Response, etag: str = "") -> Response:
    """Return an answer that is the same each time, or a 304 for a reader who has it. Without `etag` it is made."""
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(etag or hashlib.sha256(response.get_data()).hexdigest()[:32], weak=True)  # also compressed
    response.make_conditional(request)
    response.headers.remove("Date")  # the server adds its own
    return response if response.status_code == 304 else compressed(request, response)


def json_answer(request: Request, data: Any, kind: str = "application/json", status: int = 200) -> Response:
    """Return data as JSON. It holds no tag, even for what takes it for HTML: "<" is only ever within a text."""
    return compressed(request, Response(json_text(data), status, HEADERS, content_type=kind))


def json_text(data: Any) -> str:
    """Return data as JSON in ASCII, without a "<"."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("<", r"\u003c")


def text_answer(text: str, status: int) -> Response:
    """Return a plain text."""
    return Response(text, status, HEADERS, content_type="text/plain; charset=utf-8")


def compressed(request: Request, response: Response) -> Response:
    """Return an answer, compressed where the browser takes that. It must hold no secret beside others' texts."""
    body = response.get_data()
    response.headers.add("Vary", "Accept-Encoding")
    if len(body) >= _WORTH_IT and request.accept_encodings["gzip"] > 0:
        response.set_data(gzip.compress(body, 5))
        response.headers["Content-Encoding"] = "gzip"
    return response


class Templates:
    """The pages. Every text in them is escaped, and is `texts.shown`."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("flock.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_safe,
        )
        self._environment.filters |= {"local": local_time, "iso": iso_local, "full": full_time, "utc": iso}

    def page(self, name: str, status: int = 200, **values: Any) -> Response:
        """Return the page that the template makes of these values."""
        return Response(self.text(name, **values), status, HEADERS, content_type="text/html; charset=utf-8")

    def text(self, name: str, **values: Any) -> str:
        """Return what the template makes of these values: HTML, or XML."""
        return self._environment.get_template(name).render(values)


def _safe(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def local_time(at: float, now: float | None = None) -> str:
    """Return the wall-clock time in this machine's zone, as short as it is clear."""
    there, here = time.localtime(at), time.localtime(time.time() if now is None else now)
    if there[:3] == here[:3]:
        return time.strftime("%H:%M:%S", there)
    return time.strftime("%a %H:%M" if abs(at - time.mktime(here)) < 6 * 86_400 else "%Y-%m-%d %H:%M", there)


def iso_local(at: float) -> str:
    """Return the wall-clock time in ISO 8601 with this machine's offset, as <time> has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at))


def full_time(at: float) -> str:
    """Return the wall-clock time in full, with the name of the zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))
