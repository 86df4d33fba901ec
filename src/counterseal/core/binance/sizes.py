"""How large an answer may be before it is none.

All tickers of a market, or thousands of open orders, have some MiB; what a change is answered tells of a few hundred
orders, or thousands of fills, at most. What lists every symbol with all its rules is by far the largest that there is.
"""

CHANGE, USUAL, RULES = 1 << 20, 4 << 20, 32 << 20
_OF_ALL_SYMBOLS = ("/exchangeInfo", "/executionRules")


def most_of(method: str, path: str) -> int:
    """Give the most bytes that the body of the answer to such a request has."""
    if method != "GET":
        return CHANGE
    return RULES if path.endswith(_OF_ALL_SYMBOLS) else USUAL
