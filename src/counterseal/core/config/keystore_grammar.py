"""How the settings of the store of keys are written: each function gives the value, or None outside its grammar."""

import re
from urllib.parse import urlsplit

from counterseal.core.config.addresses import parse_listen_address, version_of
from counterseal.core.config.alerts_grammar import parse_endpoint

_PLACE = re.compile(r"[A-Za-z0-9_.-]{1,64}(?:/[A-Za-z0-9_.-]{1,64}){0,7}")
_ROLE_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SECRET_NAME = re.compile(
    r"[A-Za-z0-9/_+=.@-]{1,512}|arn:aws(?:-[a-z]{2,10}){0,2}:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:"
    r"[A-Za-z0-9/_+=.@-]{1,512}"
)


def parse_url(text: str) -> str | None:
    """A URL of scheme, host and port only; http for this machine alone. Its port must be written."""
    return text if parse_endpoint(text) and urlsplit(text).port else None


def parse_address(text: str) -> str | None:
    """An IP address and the port of a server there, "10.0.0.7:8200"."""
    found = parse_listen_address(text)
    return None if found is None or found.endswith(":0") else found


def parse_place(text: str) -> str | None:
    """A path inside the store: up to 8 words with slashes between them, none of them a dot or two."""
    parts = text.split("/")
    return text if _PLACE.fullmatch(text) and not {".", ".."} & set(parts) else None


def parse_role_id(text: str) -> str | None:
    """The id of an AppRole. It is no secret."""
    return text if _ROLE_ID.fullmatch(text) else None


def parse_secret_name(text: str) -> str | None:
    """The name or the ARN of a secret in AWS Secrets Manager."""
    return text if _SECRET_NAME.fullmatch(text) else None


def names_a_host(url: str) -> bool:
    """Tell whether the host of a URL is a name, which somebody would have to look up."""
    host = urlsplit(url).hostname or ""
    return version_of(host) is None
