"""The routes of the web page."""

from __future__ import annotations

import logging
import math
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
)
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from flock.errors import JournalError
from flock.observers.console import iso
from flock.pages.page import HEADERS, Templates, if_changed, json_answer, json_text, static_answer, text_answer
from flock.web import feeds
from flock.web.bots import Portrait
from flock.web.failures import Failures
from flock.web.field import dot, dots, field_values
from flock.web.forecasts import Foresight
from flock.web.gate import Gate
from flock.web.lookout import Change, Lookout, Seen
from flock.web.serving import HAND_OVER
from flock.web.stream import Event, Form, Stream
from flock.web.table import Asked, Table, asked_for
from flock.web.telling import Telling

log = logging.getLogger(__name__)

_PACKAGE = "flock.web"
_MOST_TABLES = 32  # that are kept for a moment
_FRESH = 1.0  # seconds that a page may be behind the journal
_URLS = Map(
    [
        Rule("/", endpoint="field", methods=["GET"]),
        Rule("/stage", endpoint="stage", methods=["GET"]),
        Rule("/bots", endpoint="flock", methods=["GET"]),
        Rule("/bots/<name>", endpoint="bot", methods=["GET"]),
        Rule("/feed.<any(atom, json):kind>", endpoint="feed", methods=["GET"]),
        Rule("/bots/<name>.<any(atom, json):kind>", endpoint="bot_feed", methods=["GET"]),
        Rule("/bots/<name>/tell", endpoint="tell", methods=["POST"]),
        Rule("/field.json", endpoint="field_json", methods=["GET"]),
        Rule("/flock.json", endpoint="flock_json", methods=["GET"]),
        Rule("/events", endpoint="events", methods=["GET"]),
        Rule("/static/<name>", endpoint="static", methods=["GET"]),
    ],
    strict_slashes=False,
    redirect_defaults=False,
    merge_slashes=False,
)


class WebApp:
    """A WSGI application that shows those whom `gate` lets in what `lookout` sees, and passes it on to `stream`.

    `on_reader` is called when a reader has joined the stream.
    """

    def __init__(self, lookout: Lookout, stream: Stream, gate: Gate, *, on_reader: Callable[[], object]) -> None:
        self._gate = gate
        self._lookout = lookout
        self._stream = stream
        self._on_reader = on_reader
        self._failures = Failures()
        self._failures.add(line.entry for line in lookout.latest)
        self._foresight = Foresight(lookout.folder, lookout.options)
        self._table = Table(lookout, self._failures, self._foresight)
        self._portrait = Portrait(lookout, self._foresight)
        self._tables: dict[Asked, tuple[float, bytes]] = {}  # when each was made, on the monotonic clock
        self._telling = Telling(lookout)
        self._templates = Templates(_PACKAGE, {"utc": iso})
        self._run = secrets.token_urlsafe(9)
        self._summary: dict[str, Any] = {}
        self._routes: dict[str, Callable[..., Response]] = {
            "field": self._field,
            "stage": self._stage,
            "flock": self._flock,
            "bot": self._bot,
            "feed": self._feed,
            "bot_feed": self._bot_feed,
            "tell": self._tell,
            "field_json": self._field_json,
            "flock_json": self._flock_json,
            "events": self._events,
            "static": self._static,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if (refused := self._gate.refuses(request)) is not None:
            status, text = refused
            response = text_answer(text, status)
            if status == 401 and feeds.PATHS.fullmatch(request.path):  # feed readers ask for a password then
                response.headers["WWW-Authenticate"] = 'Basic realm="flock", charset="UTF-8"'
            return response(environ, start_response)
        if (welcome := self._gate.welcome(request)) is not None:
            return welcome(environ, start_response)
        try:
            endpoint, values = _URLS.bind_to_environ(environ).match()
            response = self._routes[endpoint](request, **values)
        except HTTPException as error:
            response = self._refusal(error)
        return response(environ, start_response)

    def close(self) -> None:
        """End what the pages have begun."""
        self._foresight.close()

    def deliver(self, change: Change) -> None:
        """Pass on to all readers what a look has found."""
        self._failures.add(line.entry for line in change.lines)
        events = [Event("gone", {"name": name}) for name in change.gone]
        events += [line.event() for line in change.lines]
        events += [Event("bot", seen.json, only=Form.WHOLE) for seen in change.bots]
        events += [Event("dot", dot(seen.json), only=Form.DOTS) for seen in change.states]
        self._stream.publish(events)

    def deliver_summary(self) -> None:
        """Pass on how the flock is doing as a whole, if that has changed."""
        summary = self._lookout.summary()
        if summary != self._summary:
            self._summary = summary
            self._stream.publish([Event("flock", summary)])

    # Pages

    def _field(self, request: Request) -> Response:
        del request
        return self._page("field.html", lambda: field_values([seen.json for seen in self._lookout.bots()]))

    def _stage(self, request: Request) -> Response:
        del request
        return self._page("stage.html")

    def _flock(self, request: Request) -> Response:
        asked = asked_for(request.args)
        made, body = self._tables.get(asked, (-math.inf, b""))
        if time.monotonic() - made < _FRESH:  # of a thousand readers, one has it made
            return Response(body, headers=HEADERS, content_type="text/html; charset=utf-8")
        response = self._page("flock.html", lambda: self._table.values(asked))
        if len(self._tables) >= _MOST_TABLES:
            self._tables.clear()
        self._tables[asked] = time.monotonic(), response.get_data()
        return response

    def _bot(self, request: Request, name: str) -> Response:
        def values() -> dict[str, Any]:
            seen = self._found(name)
            return self._portrait.values(seen) | self._telling.values(seen, request)

        return self._page("bot.html", values)

    def _tell(self, request: Request, name: str) -> Response:
        self._lookout.look_unless_fresh(_FRESH, self.deliver)
        address = self._telling.obey(request, self._found(name))
        self._lookout.look(self.deliver)  # so that the page says what the bot was told
        return Response(b"", 303, HEADERS | {"Location": address})

    def _page(self, template: str, values: Callable[[], Mapping[str, Any]] = dict) -> Response:
        """Return a page with these values that knows all that `/flock.json` says: `snapshot`.

        The page goes on with the line after those of the snapshot, so that the values are made after it.
        """
        self._lookout.look_unless_fresh(_FRESH, self.deliver)
        snapshot = self._snapshot()
        return self._templates.page(template, snapshot=snapshot, **values())

    def _refusal(self, error: HTTPException) -> Response:
        if isinstance(error, NotFound | Forbidden | BadRequest):
            title = "Not found" if isinstance(error, NotFound) else "Refused"
            return self._templates.page("wrong.html", error.code or 400, title=title, text=error.description)
        response = text_answer(f"{error.name}\n", error.code or 400)
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    # Feeds

    def _feed(self, request: Request, kind: str) -> Response:
        self._lookout.look_unless_fresh(_FRESH, self.deliver)
        return self._feed_answer(request, kind, feeds.feed_of_flock(self._lookout, feeds.root_of(request)))

    def _bot_feed(self, request: Request, name: str, kind: str) -> Response:
        self._lookout.look_unless_fresh(_FRESH, self.deliver)
        try:
            feed = feeds.feed_of_bot(self._lookout, self._found(name), feeds.root_of(request))
        except JournalError as error:
            raise ServiceUnavailable(str(error)) from error
        return self._feed_answer(request, kind, feed)

    def _feed_answer(self, request: Request, kind: str, feed: feeds.Feed) -> Response:
        if kind == "atom":
            body = self._templates.text("feed.atom", feed=feed)
            response = Response(body, headers=HEADERS, content_type=f"{feeds.ATOM}; charset=utf-8")
        else:
            response = Response(json_text(feeds.json_feed(feed)), headers=HEADERS, content_type=feeds.JSON)
        if (changed := feeds.changed(feed, self._lookout.now())) is not None:
            response.last_modified = changed
        return if_changed(request, response)

    # What scripts read

    def _field_json(self, request: Request) -> Response:
        self._lookout.look_unless_fresh(_FRESH, self.deliver)
        bots = dots([seen.json for seen in self._lookout.bots()])
        return json_answer(request, {"run": self._run, **self._lookout.said(), **bots})

    def _flock_json(self, request: Request) -> Response:
        self._lookout.look_unless_fresh(_FRESH, self.deliver)
        return json_answer(request, self._snapshot())

    def _snapshot(self) -> dict[str, Any]:
        return {"run": self._run, "time": iso(self._lookout.now()), **self._lookout.snapshot()}

    def _events(self, request: Request) -> Response:
        if self._stream.is_full:
            response = text_answer("too many readers; come again later\n", 503)
            response.headers["Retry-After"] = "10"
            return response
        hello = Event("hello", {"run": self._run, "flock": self._lookout.summary()})
        after = request.headers.get("Last-Event-ID", request.args.get("after"))
        form = Form.DOTS if request.args.get("bots") == Form.DOTS.value else Form.WHOLE

        def join(connection: socket.socket) -> None:
            self._stream.join(connection, after, hello, form)
            self._on_reader()

        request.environ[HAND_OVER](join)
        return Response(b"", 200, HEADERS | {"X-Accel-Buffering": "no"}, content_type="text/event-stream")

    def _static(self, request: Request, name: str) -> Response:
        response = static_answer(request, name, _PACKAGE)
        if response is None:
            raise NotFound("There is no such file.")
        return response

    def _found(self, name: str) -> Seen:
        seen = self._lookout.find(name)
        if seen is None:
            raise NotFound("No bot of this flock has that name.")
        return seen
