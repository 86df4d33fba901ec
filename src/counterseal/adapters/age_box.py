"""Sealing and opening with age X25519 identities, and the two identities of an installation."""

import json
from typing import Any

import pyrage

from counterseal.adapters.home import Home, HomeError, create_private, read_private
from counterseal.core.secret import Secret

RECIPIENTS_FORMAT = 1


def make_identities(home: Home) -> None:
    """Make the signer's and the gateway's identity, different ones, and publish their recipients.

    Raises HomeError when one exists.
    """
    recipients: dict[str, Any] = {"format": RECIPIENTS_FORMAT}
    for name, path in (("signer", home.signer_identity), ("gateway", home.gateway_identity)):
        identity = pyrage.x25519.Identity.generate()
        create_private(path, f"{identity}\n".encode())
        recipients[name] = str(identity.to_public())
    create_private(home.recipients, json.dumps(recipients, indent=1).encode() + b"\n")


def seal(home: Home, recipient: str, content: bytes) -> bytes:
    """Seal to the recipient "signer" or "gateway". Raises HomeError when it is not known."""
    try:
        named = json.loads(read_private(home.recipients))
        if named["format"] != RECIPIENTS_FORMAT:
            raise HomeError(f"{home.recipients} has a format that this version does not know; update Counterseal")
        to = pyrage.x25519.Recipient.from_str(named[recipient])
    except (ValueError, KeyError, TypeError, pyrage.RecipientError):
        raise HomeError(f"{home.recipients} is damaged; restore it from a backup") from None
    return pyrage.encrypt(content, [to])  # type: ignore[no-any-return]  # the library ships no types


def identity_secret(home: Home, owner: str) -> Secret:
    """Read the identity of "signer" or "gateway" as the text that age knows. Raises HomeError."""
    path = home.signer_identity if owner == "signer" else home.gateway_identity
    return Secret(read_private(path).strip())


def open_sealed(identity: Secret, sealed: bytes, what: str) -> bytes:
    """Open a sealed content; `what` names it in the error.

    Raises HomeError when the identity is damaged or does not fit.
    """
    try:
        opener = pyrage.x25519.Identity.from_str(identity.reveal().decode("ascii"))
    except (UnicodeDecodeError, pyrage.IdentityError):
        raise HomeError("the age identity file is damaged; restore it from a backup") from None
    try:
        return pyrage.decrypt(sealed, [opener])  # type: ignore[no-any-return]  # the library ships no types
    except pyrage.DecryptError:
        raise HomeError(
            f"{what} cannot be opened with this installation's identity; restore the pair from one backup"
        ) from None
