"""Names what a poem's file is in, when it is not in UTF-8: another kind of file, or another encoding."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

_ENOUGH = 65_536  # bytes at the start, by which an encoding is judged
_FIT = 0.95  # the share of the characters beyond ASCII that look right in the right encoding
_MARGIN = 0.05  # by which one encoding is better than another, in charset-normalizer's measures
_USUAL = "cp1252"  # what most western texts are in that are not in UTF-8

_STARTS = (  # the first bytes of a file, and what it is
    (rb"\{\\u?rtf", "RTF"),
    (rb"%PDF-", "a PDF"),
    (rb"PK\x03\x04.{26}mimetypeapplication/epub", "an EPUB e-book"),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", "an OpenDocument file"),
    (rb"PK\x03\x04.*?(?:\[Content_Types\]\.xml|word/)", "a Word document"),
    (rb"PK(?:\x03\x04|\x05\x06)", "a ZIP archive"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word document"),
    (rb"\x1f\x8b", "a gzip archive"),
    (rb"BZh[1-9]1AY&SY|\xfd7zXZ\0|7z\xbc\xaf'\x1c|\x28\xb5\x2f\xfd|Rar!\x1a\x07|.{257}ustar", "an archive"),
    (rb"\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|RIFF.{4}WEBP|II\*\0|MM\0\*|.{4}ftyp(?:heic|avif|mif1)", "a picture"),
    (rb"ID3[\x02-\x04]|OggS|fLaC|RIFF.{4}WAVE|.{4}ftyp|\x1aE\xdf\xa3", "a sound or a film"),
    (rb"%!PS", "PostScript"),
    (rb".{60}BOOKMOBI|\xffWPC|bplist0|SQLite format 3\0|\x7fELF", "no text file"),
    (rb"\s*(?:<!--.*?-->\s*)*<(?i:!doctype html|html|head|body|meta|title)\b", "HTML"),
    (rb"\s*<(?i:\?xml|svg)\b", "XML"),
    (rb"\s*(?:%[^\n]*\n\s*)*\\documentclass\b", "LaTeX"),
)
_KINDS = [(re.compile(start, re.DOTALL), kind) for start, kind in _STARTS]

_JAPANESE_MAIL = re.compile(rb"\x1b\$[@B](?:[!-~]{2})+\x1b\([BJ]")
_MARKS = (  # byte order marks; that of UTF-32 begins with that of UTF-16
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\x84\x31\x95\x33", "GB18030"),
)


class _Script(NamedTuple):
    """How text of some languages looks: hardly anything beyond ASCII is in it that `right` does not match."""

    right: re.Pattern[str]
    some: str = ""  # characters that make up `share` of the letters beyond ASCII, or more
    share: float = 0.0
    most_of_letters: float = 1.0  # the largest share of letters beyond ASCII among all letters


_PUNCTUATION = (
    r"(?<=\w)’|(?<!\w)[‘‚](?=\w)|(?<=[\w.,!?])’|(?<!\w)[“„«‹](?=\s?[\w¿¡…])|(?<=[\w.,;:!?…’—–])\s?[”“»›](?!\w)"
    r"|(?<![^\s\w.,;:!?”»])[—–…]|(?<=[\s\d!?:;,.«»])\xa0|\xa0(?=[\w!?:;»—–])|[¿¡](?=\w)|\xad(?=\w)|№"
)


def _alphabet(lower: str, upper: str) -> re.Pattern[str]:
    """Return what matches whole words of one alphabet: small letters, capitals, or a capital and small letters."""
    return re.compile(rf"(?<!\w)(?:[{upper}]?[{lower}]+|[{upper}]+)(?!\w)|{_PUNCTUATION}")


def _latin(lower: str, upper: str, more: str = "") -> _Script:
    return _Script(
        re.compile(
            rf"(?<![^\W\d_a-zA-Z])(?:[{lower}](?![A-Z{upper}])|(?<![a-z{lower}])[{upper}])(?![^\W\d_a-zA-Z]{{3}})"
            rf"|(?<=[^\W\d_a-zA-Z])[{lower}](?![A-Z{upper}])|{_PUNCTUATION}{more}"
        ),
        most_of_letters=0.35,
    )


_WESTERN = _latin(
    "àáâãäåçèéêëíîïñòóôöøúüßÿ", "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÖØÙÚÛÜŒÆ", r"|[œæ](?=\w)|õ(?=e)|û(?=[clmrst]|\b)|[ìù](?!\w)"
)
_CENTRAL = _latin("áäčćçďéěęëíîľĺňńóôöőřŕšśťúůüűýžźżąăâłşß", "ÁÄČĆÇĎÉĚĘËÍÎĽĹŇŃÓÔÖŐŘŔŠŚŤÚŮÜŰÝŽŹŻĄĂÂŁŞ")
_TURKISH = _latin("âçğıîöşüû", "ÂÇĞİÎÖŞÜÛ")
_BALTIC = _latin("āčēģīķļņšūžąęėįųõäöü", "ĀČĒĢĪĶĻŅŠŪŽĄĘĖĮŲÕÄÖÜ")
_CYRILLIC = _Script(_alphabet("а-яёіїєґў", "А-ЯЁІЇЄҐЎ"), "аеёиоуыэюяіїєАЕЁИОУЫЭЮЯІЇЄ", 0.33)  # vowels
_GREEK = _Script(_alphabet("α-ωά-ώΐΰϊϋς", "Α-ΩΆΈ-ΏΪΫ"), "αεηιουωά-ώΐΰϊϋΑΕΗΙΟΥΩΆΈ-ΏΪΫ", 0.4)
_HEBREW = _Script(
    re.compile(
        r"(?<![A-Za-z])(?:[אבגדהוזחטיכלמנסעפצקרשת]|[ךםןףץ](?![א-ת]))[\u05b0-\u05c7]*(?![A-Za-z])|(?<=[א-ת])[־׳״](?=[א-ת])|[“”„’–—…]"
    )
)
_ARABIC = _Script(re.compile(r"(?<![A-Za-z])[ء-غف-ي\u064b-\u0652پچژگ\u0640](?![A-Za-z])|[،؛؟«»“”–—…\xa0\u200c]"))
_THAI = _Script(
    re.compile(r"(?<![A-Za-z])(?:[ก-ฮ][ัิ-ฺ็-๎]*|[เ-ไ](?=[ก-ฮ])|(?<=[ก-๎])[ะาำๅๆฯ]|[๐-๙])(?![A-Za-z])|[“”‘’…–—]")
)
_IN_CJK = "　、。〈-】〔〕，．！？：；（）“”‘’…—‥・ー～〜·々〇"
_HAN = _Script(re.compile(rf"[一-鿿{_IN_CJK}]"))
_JAPANESE = _Script(re.compile(rf"[ぁ-んァ-ヶ一-鿿{_IN_CJK}]"), "ぁ-んァ-ヶ", 0.2)
_KOREAN = _Script(re.compile(rf"[가-힣{_IN_CJK}]"))


class _Encoding(NamedTuple):
    iconv: str  # its name for iconv
    script: _Script
    common: str = ""  # for thousands of letters: a codec, and how the frequent ones look in it


_ENCODINGS: Mapping[str, _Encoding] = {  # by Python's name; of those that fit equally well the first is named
    "cp932": _Encoding("CP932", _JAPANESE, r"euc_jp [\xa1\xa4\xa5\xb0-\xcf]."),
    "euc_jp": _Encoding("EUC-JP", _JAPANESE, r"euc_jp [\xa1\xa4\xa5\xb0-\xcf]."),
    "gb18030": _Encoding("GB18030", _HAN, r"gbk [\xa1\xa3\xb0-\xd7][\xa1-\xfe]"),
    "cp950": _Encoding("BIG5", _HAN, r"cp950 [\xa1\xa4-\xc6]."),
    "cp949": _Encoding("CP949", _KOREAN, r"euc_kr [\xa1\xa3\xb0-\xc8]."),
    "cp1252": _Encoding("WINDOWS-1252", _WESTERN),
    "mac_roman": _Encoding("MACINTOSH", _WESTERN),
    "cp850": _Encoding("CP850", _WESTERN),
    "cp1251": _Encoding("WINDOWS-1251", _CYRILLIC),
    "koi8_r": _Encoding("KOI8-R", _CYRILLIC),
    "koi8_u": _Encoding("KOI8-U", _CYRILLIC),
    "cp866": _Encoding("CP866", _CYRILLIC),
    "iso8859_5": _Encoding("ISO-8859-5", _CYRILLIC),
    "mac_cyrillic": _Encoding("MAC-CYRILLIC", _CYRILLIC),
    "cp1253": _Encoding("WINDOWS-1253", _GREEK),
    "iso8859_7": _Encoding("ISO-8859-7", _GREEK),
    "cp1255": _Encoding("WINDOWS-1255", _HEBREW),
    "cp1256": _Encoding("WINDOWS-1256", _ARABIC),
    "iso8859_6": _Encoding("ISO-8859-6", _ARABIC),
    "cp874": _Encoding("CP874", _THAI),
    "cp1250": _Encoding("WINDOWS-1250", _CENTRAL),
    "iso8859_2": _Encoding("ISO-8859-2", _CENTRAL),
    "cp852": _Encoding("CP852", _CENTRAL),
    "cp1254": _Encoding("WINDOWS-1254", _TURKISH),
    "cp1257": _Encoding("WINDOWS-1257", _BALTIC),
}
COMMON_NAMES = {  # for people, where iconv's name is another one
    "GB18030": "GBK",
    "BIG5": "Big5",
    "CP932": "Shift_JIS",
    "CP949": "EUC-KR",
    "MACINTOSH": "Mac Roman",
    "MAC-CYRILLIC": "Mac Cyrillic",
}
_NO_TEXT = {"Cc", "Cn", "Co", "Cs"}  # categories of Unicode
_WIDE = {"utf_16_le": "UTF-16LE", "utf_16_be": "UTF-16BE", "utf_32_le": "UTF-32LE", "utf_32_be": "UTF-32BE"}
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_LETTERS = re.compile(r"[^\W\d_]")
_ONLY_QUOTES = re.compile(r"(?=.*[’“”])[\x00-\x7f‘’“”„–—…\xa0]*", re.DOTALL)


def kind_of_file(content: bytes) -> str:
    """Return what the file is, if its first bytes say that it is no plain text: "RTF"; otherwise an empty text."""
    start = content[:1024].removeprefix(b"\xef\xbb\xbf")
    return next((kind for pattern, kind in _KINDS if pattern.match(start)), "")


def mark_of(content: bytes) -> str:
    """Return the encoding that a byte order mark or an escape sequence names, for iconv; or an empty text."""
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    return "ISO-2022-JP" if not marked and _JAPANESE_MAIL.search(content[:_ENOUGH]) else marked


def wide_without_mark(content: bytes) -> str:
    """Return "UTF-16LE" or the like for such a text without a byte order mark; otherwise an empty text.

    It has blanks or line ends, as that encoding writes them, and nothing that is no text.
    """
    if b"\0" not in content[:_ENOUGH]:
        return ""
    texts = {name: _decoded(content[: _ENOUGH // 4 * 4], codec) for codec, name in _WIDE.items()}
    blanks = {
        name: len(re.findall("[ \n\r]", text))
        for name, text in texts.items()
        if text and _NO_TEXT.isdisjoint(map(unicodedata.category, set(text) - set("\t\n\r")))
    }
    best = max(blanks, key=lambda name: blanks[name], default="")
    return best if best and blanks[best] else ""


def guess_encoding(content: bytes) -> str:
    """Return the encoding of a text as iconv calls it, if one fits well and better than others.

    A text fits if nearly all of its letters beyond ASCII are frequent ones, in places where words have them.
    charset-normalizer decides between those that fit. Returns an empty text where it cannot.
    """
    sample = content[:_ENOUGH]
    if len(content) > _ENOUGH:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    texts = {codec: text for codec in _ENCODINGS if (text := _decoded(sample, codec))}
    shares = {codec: _share_of_right(text, _ENCODINGS[codec]) for codec, text in texts.items()}
    perfect = {_ENCODINGS[codec].script for codec, share in shares.items() if share == 1}
    fit = [
        codec
        for codec, share in shares.items()
        if share == 1 or (share >= _FIT and _ENCODINGS[codec].script not in perfect)
    ]
    # Pairs of bytes hardly come about by chance, nor do quotation marks in their places.
    fit = [codec for codec in fit if _ENCODINGS[codec].common] or fit
    fit = [codec for codec in fit if _ONLY_QUOTES.fullmatch(texts[codec])] or fit
    if len({texts[codec] for codec in fit}) > 1:
        fit = _preferred(sample, {codec: texts[codec] for codec in fit})
    return _ENCODINGS[fit[0]].iconv if fit else ""


def _preferred(sample: bytes, texts: Mapping[str, str]) -> list[str]:
    """Return those of `texts` that charset-normalizer finds better than the others; they are all the same text.

    A short text in a western language tells it nothing; such a text is mostly in WINDOWS-1252.
    """
    from charset_normalizer import from_bytes  # noqa: PLC0415 - hardly ever needed

    found = from_bytes(sample, cp_isolation=list(texts), threshold=0.5)  # one of those that give the same text
    ranked = sorted(found, key=lambda match: (-match.coherence, match.chaos))
    best = [
        str(match)
        for match in ranked
        if ranked[0].coherence - match.coherence < _MARGIN and match.chaos - ranked[0].chaos < _MARGIN
    ]
    chosen = texts.get(_USUAL) if texts.get(_USUAL) in best or not best else best[0] if len(best) == 1 else None
    return [codec for codec, text in texts.items() if text == chosen]


def _decoded(content: bytes, codec: str) -> str:
    """Return the text, or an empty one if the bytes mean nothing in that encoding."""
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        return ""


def _share_of_right(text: str, encoding: _Encoding) -> float:
    """Return the share of the characters beyond ASCII that look right; 0 if the text as a whole does not."""
    script = encoding.script
    beyond = _BEYOND_ASCII.findall(text)
    letters = _LETTERS.findall(text)
    foreign = sum(letter > "\x7f" for letter in letters)
    some = len(re.findall(f"[{script.some}]", text)) if script.some else 0
    if not beyond or some < script.share * foreign or foreign > max(2, script.most_of_letters * len(letters)):
        return 0.0
    right = len(_BEYOND_ASCII.findall("".join(script.right.findall(text))))
    if encoding.common:
        right = min(right, sum(_is_common(letter, encoding.common) for letter in beyond))
    return right / len(beyond)


def _is_common(letter: str, common: str) -> bool:
    codec, pair = common.split(" ")
    try:
        return bool(re.fullmatch(pair.encode("latin-1"), letter.encode(codec), re.DOTALL))
    except UnicodeEncodeError:
        return False
