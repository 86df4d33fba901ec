"""The connection to AWS Secrets Manager, and its faults in our words."""

import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterseal.core.config.model import Keystore
from counterseal.core.secret import Secret
from counterseal.ports.key_store import KeyStoreError, Trouble

_INSTALL = "pip install 'counterseal[aws]'"
_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
_WORD = re.compile(r"[A-Za-z.]{1,64}")
_REFUSED = re.compile(
    r"AccessDenied|UnrecognizedClient|InvalidClientToken|InvalidSignature|SignatureDoesNotMatch|NotAuthorized"
    r"|IncompleteSignature|MissingAuthentication|ExpiredToken|InvalidAccessKey|RequestExpired"
)
_BUSY = re.compile(
    r"Throttl|TooManyRequests|RequestLimit|InternalService|InternalFailure|ServiceUnavailable|LimitExceeded"
)


def client(settings: Keystore, ca_file: Path | None, secret: Callable[[], tuple[Secret, str]] | None, name: str) -> Any:
    """Make boto3's client, with the access keys of `secret` or what the machine's role gives. Raises KeyStoreError."""
    if importlib.util.find_spec("boto3") is None:
        raise KeyStoreError(Trouble.REFUSED, f"{name} needs the library boto3, which is not installed; run: {_INSTALL}")
    importlib.import_module("counterseal.adapters.alert_thread").silence(
        "boto3", "botocore", "urllib3", "urllib3.connectionpool"
    )
    boto3 = importlib.import_module("boto3")
    config = importlib.import_module("botocore.config").Config(
        connect_timeout=settings.timeout_s, read_timeout=settings.timeout_s, proxies={},
        retries={"total_max_attempts": 1},
    )  # fmt: skip
    key_id, key, token = _keys(secret) if secret else (None, None, None)
    return boto3.session.Session().client(
        "secretsmanager", region_name=settings.region, endpoint_url=settings.endpoint, config=config,
        aws_access_key_id=key_id, aws_secret_access_key=key, aws_session_token=token,
        verify=str(ca_file) if ca_file else None,
    )  # fmt: skip


def _keys(secret: Callable[[], tuple[Secret, str]]) -> tuple[str, str, str | None]:
    """Two lines, the key's id and the key; a third is a session's token."""
    given, where = secret()
    lines = given.reveal().decode("utf-8", "replace").split()
    if len(lines) not in (2, 3) or not _KEY_ID.fullmatch(lines[0]):
        raise KeyStoreError(
            Trouble.REFUSED,
            f"{where} holds no access key of AWS; write its id in the first line and the key in the second",
        )
    return lines[0], lines[1], lines[2] if len(lines) == 3 else None


def code_of(fault: BaseException) -> str:
    """Give the service's code of an error that it has answered with, "" for one of our side."""
    response = getattr(fault, "response", None)
    if not isinstance(response, dict):
        return ""
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code if _WORD.fullmatch(code) else f"status {status}"


def judged(fault: BaseException, name: str) -> KeyStoreError:
    """Say in our words what a call has raised: the library's may hold ids and addresses."""
    if isinstance(fault, KeyStoreError):
        return fault
    code = code_of(fault)
    if code:
        return _answered(fault, code, name)
    kind = type(fault).__name__
    for names, trouble, text in _FAULTS:
        if kind in names:
            return KeyStoreError(trouble, f"{name} {text}")
    return KeyStoreError(Trouble.UNREACHABLE, f"{name} cannot be asked ({kind}); see the settings of [keystore]")


def _answered(fault: Any, code: str, name: str) -> KeyStoreError:
    status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if _REFUSED.search(code) or status == 403:
        return KeyStoreError(
            Trouble.REFUSED,
            f"{name} refuses it ({code}); check the role or access key, the policy and the secret's tag",
        )
    if _BUSY.search(code) or status >= 500 or status == 429:
        return KeyStoreError(Trouble.UNREACHABLE, f"{name} cannot serve now ({code}); it is asked again")
    return KeyStoreError(Trouble.WRONG, f"{name} answers {code}; check keystore.secret_name and keystore.region")


_SLOW = "gave no whole answer in time; see how it is, or raise keystore.timeout_s"
_FAULTS = (
    (("SSLError",), Trouble.WRONG, "does not prove who it is: its certificate fits neither the host nor the trusted"
     " ones; check keystore.endpoint and keystore.ca_file"),
    (("ConnectTimeoutError", "ReadTimeoutError"), Trouble.SLOW, _SLOW),
    (("ResponseStreamingError", "IncompleteReadError", "ResponseParserError", "ConnectionClosedError",
      "HTTPClientError"), Trouble.TRUNCATED, "broke its answer off in the middle; see how it is"),
    (("EndpointConnectionError", "ProxyConnectionError", "ConnectionError"), Trouble.UNREACHABLE,
     "cannot be reached; see the way to it"),
    (("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "MetadataRetrievalError"),
     Trouble.REFUSED, "cannot be logged in to: this machine has no role that gives credentials; attach one, or set"
     " keystore.login_file"),
)  # fmt: skip
