"""Texts of poems and networks, as pages may show them."""

from __future__ import annotations

from typing import Any

_KEPT = {0x09, 0x0A}
_OBEYED = (
    *(code for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in _KEPT),
    *(0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # line ends, and what reorders text
    *range(0xD800, 0xE000),  # surrogates, which UTF-8 cannot encode
    *(0xFFFE, 0xFFFF),  # XML forbids them
)
_SHOWN = dict.fromkeys(_OBEYED, "\ufffd")
_FROM_THE_RIGHT = frozenset(
    ("ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "syr", "ug", "ur", "yi")
)


def shown(text: str) -> str:
    """Return a text with U+FFFD for each character that a page or a terminal might obey instead of showing it.

    Tabs and line feeds stay, and the marks LRM, RLM and ALM, which texts of right-to-left languages need and which
    move nothing outside the element that they are in.
    """
    return text.translate(_SHOWN)


def all_shown(value: Any) -> Any:
    """Return JSON data with `shown` applied to each text in it."""
    match value:
        case str():
            return shown(value)
        case dict():
            return {key: all_shown(each) for key, each in value.items()}
        case list() | tuple():
            return [all_shown(each) for each in value]
    return value


def direction(language: str) -> str:
    """Return the writing direction of a language tag: "rtl" or "ltr"; "auto" where there is no tag."""
    if not language:
        return "auto"
    parts = language.split("-")
    is_arabic = len(parts) > 1 and parts[1].lower() in ("arab", "hebr", "thaa", "syrc")
    return "rtl" if is_arabic or parts[0].lower() in _FROM_THE_RIGHT else "ltr"
