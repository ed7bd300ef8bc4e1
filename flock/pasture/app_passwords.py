"""The page on which a person makes an app password for an account of Bluesky's kind, as in Bluesky's settings."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from flock.pasture.bluesky import BlueskyPasture
from flock.pasture.consent import code_page, forged_page, question_page, sentence_page
from flock.pasture.forms import Forms
from flock.pasture.serving import MOST_BODY

PATH = "/settings/app-passwords"
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HANDLE = re.compile(rf"({_LABEL}\.)+(?![0-9]){_LABEL}")
_MOST_HANDLE = 253
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PURPOSE = "app password"


class AppPasswords:
    """The page, as a WSGI application."""

    def __init__(self, bluesky: BlueskyPasture, forms: Forms) -> None:
        self._bluesky = bluesky
        self._forms = forms

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = request.max_form_memory_size = MOST_BODY
        try:
            response = self._respond(request)
        except HTTPException as error:
            response = sentence_page("Nothing was made", f"{error.name}.", error.code or 400)
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.path != PATH or request.method not in ("GET", "POST"):
            return sentence_page("Nothing here", f"The page for app passwords is {PATH}.", 404)
        if request.method == "GET":
            return self._question("")
        if not self._forms.is_own(request, _PURPOSE):
            return forged_page()
        typed = request.form.get("screen_name", "").strip().removeprefix("@").lower()
        handle = (
            typed if "." in typed else f"{typed}.test"
        )  # a domain that never exists, for those who type a name
        if not _HANDLE.fullmatch(handle) or len(handle) > _MOST_HANDLE:
            return self._question(
                typed, "A handle is a domain, such as dolly.test: letters (a to z), digits, hyphens."
            )
        password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
        self._bluesky.add_password(handle, password)
        what = f"An app password for {handle}. The pasture shows it this once:"
        return code_page("Your app password", what, password)

    def _question(self, value: str, wrong: str = "") -> Response:
        return question_page(
            "Make an app password",
            "With it a program signs in at the pasture's Bluesky. For which account is it?",
            action=PATH,
            hidden={},
            seal=self._forms.seal(_PURPOSE),
            names=self._bluesky.handles(),
            label="Handle",
            value=value,
            most=_MOST_HANDLE,
            wrong=wrong,
            grant="Make it",
            can_deny=False,
        )
