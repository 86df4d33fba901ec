"""Only what pyproject.toml cannot say: the hot path compiled with mypyc, where it is asked for.

`COUNTERSEAL_COMPILE=1 pip wheel --no-build-isolation .` needs mypy, setuptools and a C compiler; without the variable
the package is plain Python. The same sources, typed strictly, are what is compiled: there is no second implementation.
"""

import os

from setuptools import setup

# What an order passes through. Left out: what mypyc cannot translate (`core.secret` hides its slots, `core.redact`
# names surrogates, `adapters.log` extends a class of structlog), what msgspec looks into (`core.messages`), and what
# cuts hostile bytes into pieces (`core.http1`, `core.wire`, `core.binance.canonical`, the listeners): mypyc 2.4 slices
# bytes from a negative index otherwise than Python does.
HOT = """
core/judge core/shape core/policy core/collar core/exact core/legs core/intent core/replay
core/orders core/outcome core/echo core/freshness core/market core/record core/grant core/venue_wall
core/exchange_clock core/numbers core/keys core/config/model core/reasons
core/breaker core/budget/asking core/budget/hearing core/budget/ledger core/budget/rejects core/budget/share
core/budget/steps core/budget/window
core/binance/values core/binance/schema core/binance/weights core/binance/catalogue
ports/venue ports/journal ports/signing ports/clock ports/verifier
gateway/admission gateway/grants gateway/handler gateway/changes gateway/outbound gateway/answers gateway/reply
gateway/turn gateway/state gateway/reads gateway/ids gateway/budget gateway/exchange gateway/room gateway/line
adapters/journal_file adapters/replay_file adapters/signer_client adapters/upstream adapters/signatures adapters/tasks
adapters/system_clock
""".split()  # noqa: SIM905 - a list of names reads better as text


def extensions() -> list:
    """Give the modules to compile; none unless asked for."""
    if os.environ.get("COUNTERSEAL_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    options = ["--config-file=pyproject.toml", "--python-executable", os.environ.get("COUNTERSEAL_TYPES_OF", "python3")]
    return mypycify([*options, *(f"src/counterseal/{name}.py" for name in HOT)], opt_level="3", separate=False)


setup(ext_modules=extensions())
