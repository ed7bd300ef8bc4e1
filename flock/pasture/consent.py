"""The pages on which a person lets an app in: the question, the code to copy, and what went wrong.

They need no JavaScript, load nothing, and fit a telephone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from werkzeug.wrappers import Response

from flock.pages.texts import shown
from flock.pasture.forms import FIELD

DECISION, GRANT, DENY = "decision", "authorize", "cancel"  # a button's name, and the value that each button sends

_MOST_NAMES = 12
_SHEEP = Markup(
    '<svg class="sheep" viewBox="0 0 80 64" role="img" aria-label="A sheep">'
    '<g stroke="#2b2a27" stroke-width="4" stroke-linecap="round"><path d="M28 48v12M40 50v10M52 48v12"/></g>'
    '<g fill="#f4efe4" stroke="#8a857a" stroke-width="1.5"><circle cx="24" cy="30" r="12"/>'
    '<circle cx="36" cy="22" r="13"/><circle cx="50" cy="26" r="12"/><circle cx="34" cy="38" r="12"/>'
    '<circle cx="48" cy="38" r="12"/></g><circle cx="40" cy="31" r="13" fill="#f4efe4"/>'
    '<g fill="#2b2a27"><ellipse cx="64" cy="24" rx="9" ry="7"/><ellipse cx="57" cy="18" rx="5" ry="3"/></g>'
    '<circle cx="66" cy="22" r="1.6" fill="#faf8f3"/></svg>\n'
)
_QUESTION = Markup(
    '{sheep}<h1>{title}</h1>\n<p>{what}</p>\n{wrong}<form method="post" action="{action}">\n{hidden}'
    '<label for="account">{label}</label>\n'
    '<input id="account" name="screen_name" value="{value}" required maxlength="{most}" autocomplete="off"'
    ' autocapitalize="none" spellcheck="false" autofocus>\n<p class="hint">{hint}</p>\n{buttons}</form>\n'
)
_BUTTON = Markup('<button class="{kind}" name="{name}" value="{value}"{rest}>{text}</button>\n')
_HIDDEN = Markup('<input type="hidden" name="{}" value="{}">\n')
_CODE = Markup(
    '{sheep}<h1>{title}</h1>\n<p id="code-desc">{what}</p>\n'
    '<kbd aria-labelledby="code-desc"><code>{code}</code></kbd>\n'
)
_SENTENCE = Markup("{sheep}<h1>{title}</h1>\n<p>{what}</p>\n")


def question_page(
    title: str,
    what: str,
    *,
    action: str,
    hidden: Mapping[str, str],
    seal: str,
    names: Sequence[str] = (),
    label: str = "Account",
    value: str = "",
    most: int,
    wrong: str = "",
    grant: str = "Authorize",
    can_deny: bool = True,
) -> Response:
    """Return the page that asks for an account. `names` are the accounts that there are, `most` a name's length.

    `wrong` says what is wrong with the name `value`, which was sent before.
    """
    known = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    fields = {**hidden, FIELD: seal}
    buttons = _BUTTON.format(kind="main", name=DECISION, value=GRANT, rest="", text=grant)
    if can_deny:
        buttons += _BUTTON.format(
            kind="", name=DECISION, value=DENY, rest=Markup(" formnovalidate"), text="Cancel"
        )
    body = _QUESTION.format(
        sheep=_SHEEP,
        title=title,
        what=shown(what),
        wrong=Markup('<p class="wrong" role="alert">{}</p>\n').format(wrong) if wrong else "",
        action=action,
        hidden=Markup().join(_HIDDEN.format(*each) for each in fields.items()),
        label=label,
        value=shown(value),
        most=most,
        hint=shown(
            f"In the pasture: {known}. A new name makes a new account."
            if known
            else "Any name: it makes a new account."
        ),
        buttons=buttons,
    )
    return _page(title, body, 422 if wrong else 200)


def code_page(title: str, what: str, code: str) -> Response:
    """Return the page with a code to copy, the only `<code>` on it."""
    return _page(title, _CODE.format(sheep=_SHEEP, title=title, what=shown(what), code=code))


def sentence_page(title: str, what: str, status: int = 200) -> Response:
    """Return a page that asks for nothing."""
    return _page(title, _SENTENCE.format(sheep=_SHEEP, title=title, what=shown(what)), status)


def denied_page() -> Response:
    """Return the answer to Cancel."""
    return sentence_page("Nothing was authorized", "The app may do nothing for you. You can close this page.")


def forged_page() -> Response:
    """Return the answer to a form that no page of this server has sent since it started."""
    what = "This form is not from this run of the pasture. Open the address that your program printed once more."
    return sentence_page("Nothing was authorized", what, 403)


def _page(title: str, body: Markup, status: int = 200) -> Response:
    from flock.pasture.page import form_page  # noqa: PLC0415 - templates, which posting can do without

    return form_page(title, body, status)
