"""Everything that the hostile server does, a line each: the table of `GROUPS`, and the acts that it is made of.

In templates {HEAD} is the status line and the type of a good answer, {GOOD} its JSON, {LENGTH} the length of that,
{HALF} its first half, {TEXT} the text of the post, {OLD_ID} and {OLD_TEXT} an earlier post of the bot.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from tests.faults.hostile import Act, Exchange, Then

MB = 1_000_000
ENDLESS = 300 * MB  # bytes after which an answer without an end gives up
TICK = 0.05  # seconds between two bytes of a slow answer


class Mode(NamedTuple):
    """One kind of hostility. It is met by a post that lands, by one that does not, or by both, as `lands` says.

    `asked` holds the methods that meet it. `is_doubtful` says whether the bot has to look for the post then.
    The first requests are answered well, as many as it `spares`.
    """

    act: Act
    lands: tuple[bool, ...] = (True, False)
    asked: tuple[str, ...] = ("POST", "GET")
    is_doubtful: bool = True
    spares: int = 0


# The acts


def raw(*templates: bytes, pause: float = 0.0, then: Then = Then.CLOSE) -> Act:
    """Send the templates, with so many seconds after each."""

    def act(exchange: Exchange) -> Then:
        exchange.send(*map(exchange.fill, templates), pause=pause)
        return then

    return act


def drip(template: bytes, before: bytes = b"", pause: float = TICK) -> Act:
    """Send what comes before at once, then the template a byte at a time."""

    def act(exchange: Exchange) -> Then:
        exchange.send(exchange.fill(before))
        exchange.send(*(bytes([byte]) for byte in exchange.fill(template)), pause=pause)
        return Then.KEEP

    return act


def endless(template: bytes, chunk: bytes, pause: float = 0.0) -> Act:
    """Send the template once and the chunk for ever."""

    def act(exchange: Exchange) -> Then:
        exchange.send(exchange.fill(template))
        block = chunk if pause else chunk * max(1, MB // len(chunk))
        for _ in range(ENDLESS // len(block)):
            exchange.send(block, pause=pause)
        return Then.CLOSE

    return act


def answer(status: bytes, body: bytes = b"{GOOD}", *headers: bytes, then: Then = Then.KEEP) -> Act:
    """Send a well-formed answer."""

    def act(exchange: Exchange) -> Then:
        content = exchange.fill(body)
        head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(content), *headers]
        exchange.send(b"\r\n".join([*head, b"", content]))
        return then

    return act


def page(status: bytes, *headers: bytes) -> Act:
    """Send an HTML page."""
    return answer(status, b"<html><body><h1>%s</h1></body></html>" % status, b"Content-Type: text/html", *headers)


def created(body: bytes, *headers: bytes) -> Act:
    """Send a body as though the request had gone well."""

    def act(exchange: Exchange) -> Then:
        content = exchange.fill(body)
        head = exchange.fill(b"{HEAD}") + b"".join(header + b"\r\n" for header in headers)
        exchange.send(head + b"Content-Length: %d\r\n\r\n" % len(content), content)
        return Then.KEEP

    return act


def post_with(post_id: bytes, text: bytes = b"{TEXT}") -> Act:
    """Send the answer to a post, with that JSON for its id and its text."""
    return created(b'{"data": {"id": %s, "text": %s}}' % (post_id, text))


def posts(data: bytes, more: bytes = b"") -> Act:
    """Send a timeline with that JSON for its posts."""
    return created(b'{"data": %s, "meta": {"result_count": 1}%s}' % (data, more))


def whole(body: bytes, *headers: bytes, status: bytes = b"") -> Act:
    """Send a body that is no template, however large, as though the request had gone well, or with a status."""

    def act(exchange: Exchange) -> Then:
        first = b"HTTP/1.1 %s\r\n" % status if status else exchange.fill(b"{HEAD}")
        exchange.send(first + b"".join(header + b"\r\n" for header in headers))
        exchange.send(b"Content-Length: %d\r\n\r\n" % len(body), body)
        return Then.KEEP

    return act


def late(extra: bytes, pause: float) -> Act:
    """Send the good answer, and after so many seconds another one that nobody asked for."""
    good = b"{HEAD}Content-Length: {LENGTH}\r\n\r\n{GOOD}"

    def act(exchange: Exchange) -> Then:
        exchange.send(exchange.fill(good) + (b"" if pause else exchange.fill(extra)))
        if pause:
            exchange.rest(pause)
            exchange.send(exchange.fill(extra))
        return Then.SWALLOW

    return act


def gzipped(exchange: Exchange) -> Then:
    """Send a good answer, compressed."""
    body = gzip.compress(exchange.good)
    exchange.send(exchange.fill(b"{HEAD}Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)), body)
    return Then.KEEP


def half_gzipped(exchange: Exchange) -> Then:
    """Send the first half of a compressed answer, as though it was all."""
    body = gzip.compress(exchange.good * 20)[:40]
    exchange.send(exchange.fill(b"{HEAD}Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)), body)
    return Then.KEEP


def in_chunks(exchange: Exchange) -> Then:
    """Send a good answer in chunks of one byte, quickly."""
    chunks = (b"1\r\n%c\r\n" % byte for byte in exchange.good)
    exchange.send(exchange.fill(b"{HEAD}Transfer-Encoding: chunked\r\n\r\n") + b"".join(chunks) + b"0\r\n\r\n")
    return Then.KEEP


@cache
def deflated(megabytes: int, window: int) -> bytes:
    """Return so many megabytes of spaces, compressed: a thousandth of that."""
    press = zlib.compressobj(9, zlib.DEFLATED, window)
    head = press.compress(b"") + press.flush(zlib.Z_FULL_FLUSH)
    block = press.compress(b" " * MB) + press.flush(zlib.Z_FULL_FLUSH)
    return head + block * megabytes


def zstandard(megabytes: int) -> bytes:
    """Return a frame of so many megabytes of spaces, in blocks of 100 KB that need four bytes each."""
    size = 100_000
    block = (size << 3 | 0b010).to_bytes(3, "little") + b" "
    return b"\x28\xb5\x2f\xfd\x00\x38" + block * (megabytes * MB // size) + b"\x01\x00\x00"


OK = b"HTTP/1.1 201 Created\r\n"
SIZED = b"{HEAD}Content-Length: {LENGTH}\r\n\r\n"
CHUNKED = b"{HEAD}Transfer-Encoding: chunked\r\n\r\n"
BIG = b"9" * MB
NESTED = 100_000

_POST, _GET, _LANDED = ("POST",), ("GET",), (True,)

CLOSES = {
    "after reading, without a byte": Mode(raw()),
    "after reading, with a reset": Mode(raw(then=Then.RESET)),
    "within the status line": Mode(raw(b"HTTP/1.1 2")),
    "after the status line": Mode(raw(OK)),
    "within the headers": Mode(raw(b"{HEAD}Content-Le")),
    "after the headers": Mode(raw(SIZED)),
    "within the body": Mode(raw(SIZED + b"{HALF}")),
    "within the body, with a reset": Mode(raw(SIZED + b"{HALF}", pause=TICK, then=Then.RESET)),
    "within a chunk": Mode(raw(CHUNKED + b"FF\r\n{HALF}")),
    "without the last chunk": Mode(raw(CHUNKED + b"5\r\n12345\r\n")),
    "after 100 Continue": Mode(raw(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "after 103 Early Hints": Mode(raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")),
    "within an error": Mode(raw(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 500\r\n\r\n<html>")),
}

SLOW = {
    "no answer": Mode(drip(b"", pause=0)),
    "a byte at a time: everything": Mode(drip(SIZED + b"{GOOD}")),
    "a byte at a time: the status line": Mode(drip(b"HTTP/1.1 201 " + b"x" * 200)),
    "a byte at a time: a header": Mode(drip(b"x" * 200, OK + b"X-Slow: ")),
    "a byte at a time: the body": Mode(drip(b"{GOOD}", SIZED)),
    "a byte at a time: the size of a chunk": Mode(drip(b"0" * 200, CHUNKED)),
    "a byte at a time: a chunk": Mode(drip(b"{GOOD}", CHUNKED + b"FF\r\n")),
    "a byte at a time: a trailer": Mode(drip(b"x" * 200, CHUNKED + b"2\r\n{}\r\n0\r\n")),
    "a byte at a time: 103 Early Hints": Mode(drip(b"HTTP/1.1 103 Early Hints\r\n" + b"x" * 200)),
    "a byte at a time: the page of an error": Mode(drip(b"<" * 200, b"HTTP/1.1 502 Bad\r\n\r\n")),
    "a byte at a time: a compressed body": Mode(
        drip(deflated(1, 31), b"{HEAD}Content-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n")
    ),
    "a header at a time": Mode(endless(OK, b"X-Slow: x\r\n", pause=TICK)),
    "a chunk at a time": Mode(endless(CHUNKED, b"1\r\n \r\n", pause=TICK)),
    "a trailer at a time": Mode(endless(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Slow: x\r\n", pause=TICK)),
    "a 100 Continue at a time": Mode(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=TICK)),
    "slow, but not too slow": Mode(drip(b"{GOOD}", SIZED, pause=0.001), _LANDED, is_doubtful=False),
}

FLOODS = {
    "a body without an end": Mode(endless(b"{HEAD}\r\n", b" " * 1000)),
    "a chunked body without an end": Mode(endless(CHUNKED, b"3E8\r\n" + b" " * 1000 + b"\r\n")),
    "chunks of a byte without an end": Mode(endless(CHUNKED, b"1\r\n \r\n")),
    "a body of a terabyte": Mode(endless(b"{HEAD}Content-Length: 1000000000000\r\n\r\n", b" " * 1000)),
    "an error page without an end": Mode(endless(b"HTTP/1.1 503 Busy\r\n\r\n<html>", b"<br>" * 100)),
    "a redirect without an end": Mode(endless(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"<br>" * 100)),
    "a gzip bomb": Mode(whole(deflated(700, 31), b"Content-Encoding: gzip")),
    "a deflate bomb": Mode(whole(deflated(700, 15), b"Content-Encoding: deflate")),
    "a raw deflate bomb": Mode(whole(deflated(700, -15), b"Content-Encoding: deflate")),
    "a zstd bomb": Mode(whole(zstandard(700), b"Content-Encoding: zstd")),
    "a bomb in a bomb": Mode(whole(gzip.compress(deflated(700, 31)), b"Content-Encoding: gzip, gzip")),
    "a gzip bomb in an error": Mode(whole(deflated(700, 31), b"Content-Encoding: gzip", status=b"403 Forbidden")),
    "50 MB of JSON": Mode(whole(b'{"data": {"id": "7", "text": "x"}, "x": [' + b"0," * 25 * MB + b"0]}")),
    "2 MB of spaces and then JSON": Mode(created(b" " * 2 * MB + b"{GOOD}")),
    "headers without an end": Mode(endless(OK, b"X-Flood: %s\r\n" % (b"x" * 100))),
    "a header without an end": Mode(endless(OK + b"X-Flood: ", b"x" * 1000)),
    "a status line without an end": Mode(endless(b"HTTP/1.1 201 ", b"x" * 1000)),
    "10 MB of headers": Mode(raw(OK, b"X-Flood: %s\r\n" % (b"x" * 10_000) * 1000, b"\r\n{GOOD}")),
    "100,000 headers": Mode(raw(OK + b"X: y\r\n" * 100_000 + b"\r\n{GOOD}")),
    "a header of a megabyte": Mode(raw(OK + b"X-Flood: %s\r\n\r\n{GOOD}" % (b"x" * MB))),
    "a header in 100,000 folds": Mode(raw(OK + b"X-Flood: x\r\n" + b" x\r\n" * 100_000 + b"\r\n{GOOD}")),
    "100 Continue for ever": Mode(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    "103 Early Hints for ever": Mode(endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")),
    "102 Processing for ever": Mode(endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n")),
    "trailers without an end": Mode(endless(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Flood: x\r\n")),
    "a trailer without an end": Mode(endless(CHUNKED + b"2\r\n{}\r\n0\r\nX-Flood: ", b"x" * 1000)),
    "a chunk's size without an end": Mode(endless(CHUNKED, b"0" * 1000)),
    "a chunk's extension without an end": Mode(endless(CHUNKED + b"5;", b"x" * 1000)),
}

FRAMING = {
    **{
        f"a chunk of size {size!r}": Mode(raw(CHUNKED + size.encode() + b"\r\n{GOOD}\r\n0\r\n\r\n"))
        for size in ("-5", "5", "FFFFF", "F" * 16, "F" * 64, "xyz", "", "0x10", "+5", "1_0", "５")
    },
    **{
        f"a length of {size!r}": Mode(raw(b"{HEAD}Content-Length: " + size.encode() + b"\r\n\r\n{GOOD}"))
        for size in ("5", "99999", "9" * 30, "-5", "-1", "x", "1.5", "0x10", "0")
    },
    "two lengths that differ": Mode(raw(b"{HEAD}Content-Length: 5\r\nContent-Length: {LENGTH}\r\n\r\n{GOOD}")),
    "two lengths in one header": Mode(raw(b"{HEAD}Content-Length: 5, 10\r\n\r\n{GOOD}")),
    "chunks that are none": Mode(raw(CHUNKED + b"{GOOD}")),
    "no end of the headers": Mode(raw(b"{HEAD}X: y\r\n{GOOD}")),
    "no status line": Mode(raw(b"{GOOD}")),
    "HTML without a status line": Mode(raw(b"<html><h1>It works!</h1></html>")),
    "an alert of TLS": Mode(raw(b"\x15\x03\x01\x00\x02\x02\x28")),
    "another protocol": Mode(raw(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "zero bytes": Mode(raw(b"\0" * 4096)),
    "HTTP/2 frames": Mode(raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18)),
    **{
        f"the status {status!r}": Mode(
            raw(b"HTTP/1.1 %s\r\nContent-Length: {LENGTH}\r\n\r\n{GOOD}" % status.encode())
        )
        for status in ("999 ?", "-201 Created", "20 OK", "2010 Created", "abc OK", "600 ?", "")
    },
    "103 and then the answer": Mode(
        raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" + SIZED + b"{GOOD}"), _LANDED, is_doubtful=False
    ),
    "100 and then the answer": Mode(
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED + b"{GOOD}"), _LANDED, is_doubtful=False
    ),
    "101 Switching Protocols": Mode(raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n")),
    "an answer in chunks of a byte": Mode(in_chunks, _LANDED, is_doubtful=False),
    "a compressed answer": Mode(gzipped, _LANDED, is_doubtful=False),
    "half of a compressed answer": Mode(half_gzipped),
    "gzip that is none": Mode(created(b"{GOOD}", b"Content-Encoding: gzip")),
    "deflate that is none": Mode(created(b"{GOOD}", b"Content-Encoding: deflate")),
    "gzip that is an error's page and none": Mode(page(b"502 Bad Gateway", b"Content-Encoding: gzip")),
    "br that is none": Mode(created(b"\x0b\x02\x80\xff\xff\xff\xff\x03", b"Content-Encoding: br")),
    "zstd that is none": Mode(created(b"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff", b"Content-Encoding: zstd")),
    "a header without a colon": Mode(raw(OK + b"what is this\r\n\r\n{GOOD}")),
    "zero bytes in a header": Mode(raw(OK + b"X: \0\0\r\nContent-Length: 2\r\n\r\n{}")),
}

_NO_POSTS = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"5",
    b'"posted"',
    b"true",
    b"NaN",
    b"Infinity",
    b"<html>Login</html>",
    b"{",
)
_NO_DATA = (
    b"null",
    b"[]",
    b"{}",
    b"5",
    b'"x"',
    b'[{"id": "5"}]',
    b'{"text": {TEXT}}',
    b'{"id": {}, "text": {TEXT}}',
)
_NO_IDS = {
    "null": b"null",
    "an empty text": b'""',
    "a space": b'" "',
    "a list": b'["5"]',
    "an object": b'{"id": "5"}',
    "true": b"true",
    "false": b"false",
    "zero": b"0",
    "negative": b"-5",
    "a fraction": b"1.5",
    "10^300": b"1e300",
    "infinite": b"Infinity",
    "of a million digits": BIG,
    "a text of a million digits": b'"%s"' % BIG,
    "10 KB of text": b'"%s"' % (b"x" * 10_000),
    "with control characters": rb'"5\u001b[2J\u0000\n"',
    "with a mark of right-to-left": rb'"5\u202e6"',
    "a lone surrogate": rb'"\ud800"',
}
_NOT_OURS = {
    "null": b"null",
    "a number": b"5",
    "a list": b"[{TEXT}]",
    "empty": b'""',
    "another one": b'"Buy wool at http://wool.example"',
    "a lone surrogate": rb'"\ud800"',
}
ANSWERS = {
    **{f"the body {body.decode()!r}": Mode(created(body)) for body in _NO_POSTS},
    **{f"the data {data.decode()!r}": Mode(created(b'{"data": %s}' % data)) for data in _NO_DATA},
    **{f"an id that is {name}": Mode(post_with(post_id), asked=_POST) for name, post_id in _NO_IDS.items()},
    **{f"a text that is {name}": Mode(post_with(b'"7"', text), asked=_POST) for name, text in _NOT_OURS.items()},
    "an earlier post": Mode(post_with(b"{OLD_ID}", b"{OLD_TEXT}"), asked=_POST, spares=1),
    "the id of an earlier post": Mode(post_with(b"{OLD_ID}"), asked=_POST, spares=1),
    "the text of an earlier post": Mode(post_with(b'"7"', b"{OLD_TEXT}"), asked=_POST, spares=1),
    "another bot's post": Mode(post_with(b'"17"', b'"what another bot has to say"'), asked=_POST),
    "lists in lists in lists": Mode(created(b"[" * NESTED)),
    "lists in lists that end": Mode(created(b"[" * NESTED + b"]" * NESTED)),
    "objects in objects": Mode(created(b'{"data":' * NESTED + b"1" + b"}" * NESTED)),
    "a lone surrogate as a name": Mode(created(rb'{"\ud800": 1, "data": {"\udfff": 2}}')),
    "a number of a million digits": Mode(created(b'{"data": %s}' % BIG)),
    "no UTF-8": Mode(created(b'{"data": {"id": "\xff\xfe", "text": "\xff"}}')),
    "errors that are words": Mode(created(b'{"errors": ["no"]}')),
    "errors that are none": Mode(created(b'{"errors": null}')),
    "errors of no shape": Mode(created(b'{"errors": [{"code": "x"}], "data": null}')),
    "errors of a million digits": Mode(created(b'{"errors": [{"code": %s}]}' % BIG)),
}

_ERRORS = (
    *(b"400 Bad Request", b"401 Unauthorized", b"402 Payment Required", b"403 Forbidden", b"404 Not Found"),
    *(b"405 Not Allowed", b"406 Not Acceptable", b"407 Proxy Authentication Required", b"408 Request Timeout"),
    *(b"409 Conflict", b"410 Gone", b"411 Length Required", b"413 Too Large", b"414 Too Long", b"418 A teapot"),
    *(b"421 Misdirected", b"422 Unprocessable", b"425 Too Early", b"426 Upgrade", b"429 Too Many Requests"),
    *(b"431 Headers Too Large", b"451 Legal Reasons", b"444 Nothing", b"499 Closed"),
    *(
        b"500 Internal Server Error",
        b"501 Not Implemented",
        b"502 Bad Gateway",
        b"503 Unavailable",
        b"504 Timeout",
    ),
    *(b"505 Version", b"511 Network Authentication Required", b"520 Unknown", b"521 Down", b"522 Timed Out"),
    *(b"523 Unreachable", b"524 Timeout", b"525 TLS", b"526 Certificate", b"527 Railgun", b"530 ?", b"599 ?"),
)
STATUSES = {f"{status.decode()}, a page": Mode(page(status)) for status in _ERRORS}
STATUSES |= {
    f"{status.decode()} with a {where}": Mode(page(status, *([b"Location: " + url] if url else [])))
    for status in (b"300 Choices", b"301 Moved", b"302 Found", b"303 Other", b"307 Temporary", b"308 Permanent")
    for where, url in {"circle": b"/2/tweets", "way out": b"http://127.0.0.1:1/", "dead end": b""}.items()
}
STATUSES |= {
    f"{status.decode()}, a good body": Mode(answer(status))
    for status in (b"202 Accepted", b"203 Other", b"206 Partial", b"304 Not Modified", b"302 Found", b"502 Bad")
}
STATUSES |= {
    f"{status.decode()}, with a body": Mode(answer(status)) for status in (b"204 No Content", b"205 Reset Content")
}

_STRANGE = (b"", b"null", b"[]", b"{}", b"5", b'"no"', b'{"error": "no"}', b'{"data": null}', b'{"errors": "no"}')
SHAPES = {
    f"{status.decode()} with {body.decode()!r}": Mode(answer(status, body, b"Content-Type: application/json"))
    for status in (
        b"400 Bad",
        b"401 Unauthorized",
        b"402 Pay",
        b"403 Forbidden",
        b"404 Not Found",
        b"429 Too Many",
    )
    for body in _STRANGE
}

_LIMIT = b'{"title": "Too Many Requests", "status": 429, "detail": "Too Many Requests", "type": "about:blank"}'
_RUBBISH = {
    "negative": b"-5",
    "huge": b"9" * 30,
    "in 10 KB of digits": b"1" * 10_000,
    "in words": b"tomorrow",
    "infinite": b"inf",
    "no number": b"nan",
    "in Arabic digits": "٣٠".encode(),
    "empty": b"",
}
HEADERS = {
    f"429 with a {header.decode()} that is {name}": Mode(
        answer(b"429 Too Many Requests", _LIMIT, b"%s: %s" % (header, value)), (False,), _POST, is_doubtful=False
    )
    for header in (b"retry-after", b"x-rate-limit-reset", b"x-rate-limit-remaining", b"x-user-limit-24hour-reset")
    for name, value in _RUBBISH.items()
}
HEADERS |= {
    f"a Date that is {name}": Mode(created(b"{GOOD}", b"Date: " + value), _LANDED, is_doubtful=False)
    for name, value in {
        **_RUBBISH,
        "of 1970": b"Thu, 01 Jan 1970 00:00:00 GMT",
        "of 9999": b"Fri, 31 Dec 9999 23:59:59 GMT",
    }.items()
}
HEADERS |= {
    "a cookie of 4 KB": Mode(created(b"{GOOD}", b"Set-Cookie: a=" + b"x" * 4000), _LANDED, is_doubtful=False),
    "a type of HTML": Mode(created(b"{GOOD}", b"Content-Type: text/html"), _LANDED, is_doubtful=False),
    "no UTF-8": Mode(created(b"{GOOD}", b"X: \xff\xfe"), _LANDED, is_doubtful=False),
}

_UNASKED = {
    "an answer": b'{"data": {"id": "77", "text": "nobody asked for this"}}',
    "the same answer": b'{"data": {"id": "77", "text": {TEXT}}}',
    "a page": b"<html>Good night</html>",
}


def _extra(body: bytes) -> bytes:
    size = b"Content-Length: 500\r\n\r\n" if b"{TEXT}" in body else b"Content-Length: %d\r\n\r\n" % len(body)
    return OK + size + body + (b" " * 500 if b"{TEXT}" in body else b"")


EXTRAS = {
    f"{name} that nobody asked for, {when}": Mode(late(_extra(body), pause), _LANDED, _POST, is_doubtful=False)
    for name, body in _UNASKED.items()
    for when, pause in {"at once": 0.0, "5 ms later": 0.005, "50 ms later": 0.05, "much later": 0.3}.items()
}

_NO_TIMELINES = (
    *(b"null", b"{}", b"5", b'"x"', b"[null]", b"[[]]", b"[{}]", b'[{"id": "5"}]', b'[{"text": "x"}]'),
    *(b'[{"id": null, "text": null}]', b'[{"id": 5, "text": 5}]', b'[{"id": ["5"], "text": "x"}]'),
    *(b'[{"id": "x", "text": ["x"]}]', b'[{"id": "9", "text": {"x": 1}}]', b"[" * NESTED + b"]" * NESTED),
)
TIMELINES = {f"the posts {data.decode()[:40]!r}": Mode(posts(data), asked=_GET) for data in _NO_TIMELINES}
TIMELINES |= {
    f"a post whose id is {name}": Mode(posts(b'[{"id": %s, "text": "x"}]' % post_id), asked=_GET)
    for name, post_id in _NO_IDS.items()
}
TIMELINES |= {
    "a post with an id of 5,000 digits": Mode(posts(b'[{"id": "%s", "text": "x"}]' % BIG[:5000]), asked=_GET),
    "a post with an id in Arabic digits": Mode(posts('[{"id": "٣٠", "text": "x"}]'.encode()), asked=_GET),
    "a post with an id of a superscript": Mode(posts('[{"id": "²", "text": "x"}]'.encode()), asked=_GET),
    "100,000 posts": Mode(
        posts(b"[" + b'{"id": "5", "text": "x"},' * 100_000 + b'{"id":"5","text":"x"}]'), asked=_GET
    ),
    "a post of a megabyte": Mode(posts(b'[{"id": "5", "text": "%s"}]' % (b"x" * MB)), asked=_GET),
    "no posts, and no word of them": Mode(created(b"{}"), asked=_GET),
    "errors beside posts": Mode(posts(b"[]", b', "errors": [{"title": "x"}]'), asked=_GET),
    "posts of another bot": Mode(posts(b'[{"id": "9999999999999999999", "text": "not ours"}]'), asked=_GET),
}

GROUPS: Mapping[str, Mapping[str, Mode]] = {
    "closes": CLOSES,
    "slow": SLOW,
    "floods": FLOODS,
    "framing": FRAMING,
    "answers": ANSWERS,
    "statuses": STATUSES,
    "shapes": SHAPES,
    "headers": HEADERS,
    "extras": EXTRAS,
    "timelines": TIMELINES,
}
