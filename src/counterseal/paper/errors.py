"""The exchange's error replies as exceptions, raised by handlers and encoded once by the dispatcher."""

from __future__ import annotations

from decimal import Decimal

Json = dict[str, object]

UNKNOWN_ORDER = "Unknown order sent."
INSUFFICIENT = "Account has insufficient balance for requested action."


class ApiError(Exception):
    """One refusal: exchange code, text, HTTP status, and what else belongs in the body or headers."""

    def __init__(
        self,
        code: int,
        msg: str,
        status: int = 400,
        data: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.data = data
        self.headers = headers or {}

    def body(self) -> Json:
        """The JSON object sent to the caller."""
        reply: Json = {"code": self.code, "msg": self.msg}
        if self.data is not None:
            reply["data"] = self.data
        return reply


def mandatory(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def one_of(first: str, second: str) -> ApiError:
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def illegal(name: str, legal: str) -> ApiError:
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def not_required(name: str) -> ApiError:
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def too_precise(name: str) -> ApiError:
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def invalid(name: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def bad_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


def filter_failure(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def rejected(msg: str) -> ApiError:
    return ApiError(-2010, msg)


def unknown_order() -> ApiError:
    return ApiError(-2011, UNKNOWN_ORDER)


def no_such_order() -> ApiError:
    return ApiError(-2013, "Order does not exist.")


def bad_signature() -> ApiError:
    return ApiError(-1022, "Signature for this request is not valid.")


def bad_key_format() -> ApiError:
    return ApiError(-2014, "API-key format invalid.", 401)


def rejected_key(peer: str) -> ApiError:
    text = f"Invalid API-key, IP, or permissions for action, request ip: {peer}"
    return ApiError(-2015, text, 401)


def unknown_path(method: str, path: str) -> ApiError:
    """Assumption: one shape for all families, the futures one."""
    return ApiError(-5000, f"Path {path}, Method {method} is invalid", 404)


def price_bound(code: int, word: str, bound: Decimal) -> ApiError:
    return ApiError(code, f"Limit price can't be {word} than {bound.normalize():f}.")
