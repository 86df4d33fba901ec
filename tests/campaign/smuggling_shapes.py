"""Requests as RFC 9110 and 9112 see them: 33 shapes, each with the class of status that is right, and a few more.

The right classes are those that the two documents allow a server; where they leave a choice, ours is the strict one.
Fragments are answered by nobody, until the deadline of a request that is not whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.gateway.rig import HOST
from tests.gateway.wsapi.rig import KEY

Sign = Callable[[str], str]
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=9{n:04}.00&newClientOrderId=smg{n:06}"
READ = "symbol=BTCUSDT&origClientOrderId=smg{n:06}"
_USUAL = f"Host: {HOST}\r\nX-MBX-APIKEY: {KEY}\r\n"


@dataclass(frozen=True)
class Form:
    """A request's bytes: marks in `text` stand for signed parameters, which begin with those of `query`.

    `statuses` are the classes of the answers that are right, one each; a fragment has a 4 of its deadline, `waits`.
    """

    name: str
    text: str
    statuses: tuple[tuple[int, ...], ...]
    sends: int = 0
    waits: bool = False
    stays: bool = False

    def write(self, sign: Sign, number: int) -> bytes:
        """Give the bytes with signatures of this moment, about an order of its own."""
        text = self.text.replace("{usual}", _USUAL).replace("{host}", HOST).replace("{key}", KEY)
        for at, mark in enumerate(("{read}", "{order}", "{second}")):
            if mark in text:
                form = READ if mark == "{read}" else ORDER
                signed = sign(
                    form.replace("{n:04}", f"{number * 3 % 10_000 + at:04}").replace("{n:06}", f"{number:05}{at}")
                )
                text = text.replace(mark, signed).replace(mark.replace("}", " size}"), str(len(signed)))
        return text.encode("latin-1")


_GET = "GET /api/v3/order?{read} HTTP/1.1\r\n"
_POST = "POST /api/v3/order?{order} HTTP/1.1\r\n"
_OK, _NO = (2,), (4,)


def _fragment(name: str, text: str) -> Form:
    return Form(name, text, (_NO,), waits=True)


def _read(name: str, text: str) -> Form:
    return Form(name, text, (_OK,), sends=1, stays=True)


def _refused(name: str, text: str, right: tuple[int, ...] = _NO) -> Form:
    return Form(name, text, (right,))


CONFORMANCE = (
    _fragment("a part of the method", "G"),
    _fragment("method and blank", "GET "),
    _fragment("a part of the target", "GET /api/v3/or"),
    _fragment("target and blank", "GET /api/v3/order?{read} "),
    _fragment("a part of the version", "GET /api/v3/order?{read} HTTP/1."),
    _fragment("a request line without its end", _GET[:-2]),
    _fragment("a request line with half of its end", _GET[:-1]),
    _fragment("a request line alone", _GET),
    _fragment("a part of a name", _GET + "Ho"),
    _fragment("a name and its colon", _GET + "Host:"),
    _fragment("a name, colon and blank", _GET + "Host: "),
    _fragment("a part of a value", _GET + "Host: 127.0"),
    _fragment("a header with half of its end", _GET + "Host: {host}\r"),
    _fragment("headers without the end of the head", _GET + "{usual}"),
    _fragment("half of the head's end", _GET + "{usual}\r"),
    _refused("no version", "GET /api/v3/order?{read}\r\n{usual}\r\n"),
    _refused("an expectation", _POST + "{usual}Content-Length: 0\r\nExpect: 100-continue\r\n\r\n"),
    _read("a good GET", _GET + "{usual}\r\n"),
    _read(
        "a good GET with rare forms",
        _GET + 'HOST:\t{host} \t\r\nx-mbx-apikey:{key}\r\n!#$%&\'*+-.^_`|~09Az: a \t b: "c"\r\nAccept: a, ,\r\n\r\n',
    ),
    _refused("a name with characters that none may have", _GET + "{usual}X[A]{@}: b\r\n\r\n"),
    _refused("no Host", _GET + "X-MBX-APIKEY: {key}\r\n\r\n"),
    _refused("two Hosts", _GET + "Host: {host}\r\n{usual}\r\n"),
    _refused("a length below any number", _POST + "{usual}Content-Length: -1234567890123456789012345\r\n\r\n"),
    _refused("a negative length", _POST + "{usual}Content-Length: -1\r\n\r\n"),
    _refused("a length that is no number", _POST + "{usual}Content-Length: abc\r\n\r\n"),
    _read("an empty value", _GET + "{usual}X-Empty:\r\nX-Blank: \t \r\n\r\n"),
    _refused("a control character in a value", _GET + "{usual}X-A: b\x07c\r\n\r\n"),
    _refused("a version of the future", "GET /api/v3/order?{read} HTTP/9.9\r\n{usual}\r\n", (4, 5)),
    _refused("something before the method", "  \r\nGET /api/v3/order?{read} HTTP/1.1\r\n{usual}\r\n"),
    _refused("wrong line ends", "GET /api/v3/order?{read} HTTP/1.1\r\r\nHost: {host}\rX-A: b\r\n\r\n"),
    _read(
        "a good POST with a body", "POST /api/v3/order HTTP/1.1\r\n{usual}Content-Length: {order size}\r\n\r\n{order}"
    ),
    # A server may ask for a length (411 or any other refusal); one that takes chunks would answer 2xx.
    _refused("a chunked body", _POST + "{usual}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", (2, 4)),
    _refused("length and coding", _POST + "{usual}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
)
# What is split beside them: several requests at once, and shapes of smuggling.
_EMPTY = "{usual}Content-Length: 0\r\n\r\n"
MORE = (
    Form("two good requests", _POST + _EMPTY + _GET + "{usual}\r\n", (_OK, _OK), 2, stays=True),
    Form(
        "a body and a request behind it",
        "POST /api/v3/order HTTP/1.1\r\n{usual}Content-Length: {order size}\r\n\r\n{order}" + _GET + "{usual}\r\n",
        (_OK, _OK), 2, stays=True,
    ),
    Form(
        "a request as the body of another",
        "DELETE /api/v3/order?{read} HTTP/1.1\r\n{usual}Content-Length: 9\r\n\r\nGET / HTT" + _POST + _EMPTY,
        (_NO, _OK), 1, stays=True,
    ),
    Form(
        "a good one, then a bad one",
        _GET + "{usual}\r\n" + _POST + "{usual}Transfer-Encoding : chunked\r\n\r\n",
        (_OK, _NO), 1,
    ),
    Form("a good one that ends it", _GET + "{usual}Connection: close\r\n\r\n" + _POST + _EMPTY, (_OK,), 1),
    Form(
        "a good one, then a part",
        _GET + "{usual}\r\n" + _POST + "{usual}Content-Length: 20\r\n\r\nsymbol=",
        (_OK, _NO), 1, waits=True,
    ),
    _refused("a folded header", _POST + "{usual}X-A: b\r\n Content-Length: 44\r\n\r\n"),
    _refused("bare LF at the end of a header", _POST + "{usual}X-A: b\nContent-Length: 0\r\n\r\n"),
    _refused("bare LF everywhere", "GET /api/v3/order?{read} HTTP/1.1\nHost: {host}\nX-MBX-APIKEY: {key}\n\n"),
    _refused("two lengths", _POST + "{usual}Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello"),
    _refused("a body on GET", _GET + "{usual}Content-Length: 5\r\n\r\nhello"),
    _refused("NUL in a value", _POST + "{usual}Content-Length: 0\r\nX-A: b\0c\r\n\r\n"),
)  # fmt: skip
FORMS = CONFORMANCE + MORE
