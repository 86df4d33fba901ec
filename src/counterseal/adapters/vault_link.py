"""The connection to Vault: to one address without any lookup, with bounded answers, and its faults in our words."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from counterseal.adapters.home import HomeError
from counterseal.core.config.model import Keystore
from counterseal.ports.key_store import KeyStoreError, Trouble

MAX_ANSWER = 4 << 20
_INSTALL = "pip install 'counterseal[vault]'"


def client(settings: Keystore, ca_file: Path | None, name: str) -> Any:
    """Make hvac's client. Raises KeyStoreError when the library is missing."""
    if importlib.util.find_spec("hvac") is None:
        raise KeyStoreError(Trouble.REFUSED, f"{name} needs the library hvac, which is not installed; run: {_INSTALL}")
    importlib.import_module("counterseal.adapters.alert_thread").silence(
        "hvac", "hvac.adapters", "urllib3", "urllib3.connectionpool"
    )
    session = importlib.import_module("requests").Session()
    session.trust_env = False  # neither a proxy nor a .netrc of whoever runs us
    session.verify = str(ca_file) if ca_file else True
    for scheme in ("https://", "http://"):
        session.mount(scheme, _transport(settings))
    return importlib.import_module("hvac").Client(
        url=settings.url, session=session, timeout=settings.timeout_s, allow_redirects=False, strict_http=True
    )


def _transport(settings: Keystore) -> Any:
    """Give what carries requests to `address`, where the certificate must be for the host of `url`."""
    adapters = importlib.import_module("requests.adapters")
    parts = urlsplit(settings.url or "")
    at = settings.address or parts.netloc
    names: dict[str, Any] = {}
    if settings.address and parts.scheme == "https":
        names = {"server_hostname": parts.hostname, "assert_hostname": parts.hostname}

    class Pinned(adapters.HTTPAdapter):  # type: ignore[misc, name-defined]  # made late, so that nobody else imports it
        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            super().init_poolmanager(*args, **more, **names)

        def send(self, request: Any, **more: Any) -> Any:
            request.headers["Host"] = parts.netloc
            request.url = urlunsplit(urlsplit(request.url)._replace(netloc=at))
            response = super().send(request, **{**more, "stream": True})
            try:
                body = response.raw.read(MAX_ANSWER + 1, decode_content=True)
                if len(body) > MAX_ANSWER:
                    raise KeyStoreError(Trouble.WRONG, f"{parts.netloc} answers with more than {MAX_ANSWER} bytes")
            except BaseException:
                response.raw.close()
                raise
            response._content, response._content_consumed = body, True
            return response

    return Pinned(max_retries=0)


def judged(fault: BaseException, name: str) -> KeyStoreError:
    """Say in our words what a call has raised: the library's may hold tokens and addresses."""
    if isinstance(fault, KeyStoreError):
        return fault
    if isinstance(fault, HomeError):
        return KeyStoreError(Trouble.REFUSED, str(fault))
    if type(fault).__module__ == "builtins" and isinstance(fault, OSError) and fault.strerror:
        # The library's own faults are OSErrors too, of its own kinds.
        what = f"the login to {name} cannot be kept ({fault.strerror}); see the folder keys and the disk"
        return KeyStoreError(Trouble.REFUSED, what)
    for kind, trouble, text in _FAULTS:
        if any(each.__name__ == kind for each in type(fault).__mro__):
            return KeyStoreError(trouble, f"{name} {text}")
    return KeyStoreError(Trouble.UNREACHABLE, f"{name} cannot be asked ({type(fault).__name__}); see its log")


def said(fault: Any) -> str:
    """Give what Vault itself said, for looking into, never for showing."""
    return " ".join(fault.errors or ()) if isinstance(getattr(fault, "errors", None), (list, tuple)) else ""


_UNWELL = "says that it cannot serve now; it may be sealed or without a leader: look at its status"
_SLOW = "gave no whole answer in time; see how it is, or raise keystore.timeout_s"
# By the name of the exception, the narrow ones first.
_FAULTS = (
    ("SSLError", Trouble.WRONG, "does not prove who it is: its certificate fits neither the host in keystore.url nor"
     " the trusted ones; check both, and keystore.ca_file"),
    ("ConnectTimeout", Trouble.SLOW, _SLOW),
    ("ReadTimeout", Trouble.SLOW, _SLOW),
    ("ReadTimeoutError", Trouble.SLOW, _SLOW),
    ("IncompleteRead", Trouble.TRUNCATED, "broke its answer off in the middle; see how it is"),
    ("ProtocolError", Trouble.TRUNCATED, "broke its answer off in the middle; see how it is"),
    ("ConnectionError", Trouble.UNREACHABLE, "cannot be reached; see whether it runs and the way to it is open"),
    ("OSError", Trouble.UNREACHABLE, "cannot be reached; check keystore.ca_file and the way to it"),
    ("VaultDown", Trouble.UNREACHABLE, _UNWELL),
    ("InternalServerError", Trouble.UNREACHABLE, _UNWELL),
    ("BadGateway", Trouble.UNREACHABLE, _UNWELL),
    ("RateLimitExceeded", Trouble.UNREACHABLE, _UNWELL),
    ("VaultNotInitialized", Trouble.UNREACHABLE, "is not initialised yet; initialise and unseal it"),
    ("InvalidPath", Trouble.WRONG, "has nothing mounted there; check keystore.mount and keystore.auth_mount"),
)  # fmt: skip
