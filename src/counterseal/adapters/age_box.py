"""Sealing and opening with age X25519 identities, and the two identities of an installation.

The signer's identity may itself be sealed with a passphrase, as `age -p` does it; the gateway's never is.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyrage
from pyrage import passphrase as scrypt

from counterseal.adapters import seal_header
from counterseal.adapters.home import Home, HomeError, create_private, read_private
from counterseal.core.secret import Secret

RECIPIENTS_FORMAT = 1
_AGE = b"age-encryption.org/v1\n"
_SCRYPT = b"\n-> scrypt "
# As the library says it. What it says otherwise (a tag that does not fit) is a change or a cut: both look alike.
_FOREIGN, _CUT, _WRONG = "No matching keys found", "failed to fill whole buffer", "Decryption failed"
_RESTORE = "restore it from a backup"

# Set by the command line, which has one operator.
_unlocker: Callable[[Home], Secret] | None = None


class ForeignSealError(HomeError):
    """It is sealed to somebody else."""


class WrongPassphraseError(HomeError):
    """The passphrase is not the one that sealed it."""


class PassphraseNeededError(HomeError):
    """The signer's identity is sealed with a passphrase and none was given."""


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
    """Seal to the recipient "signer", and its recovery recipients, or to "gateway".

    Raises HomeError when it is not known.
    """
    try:
        named = json.loads(read_private(home.recipients))
        if named["format"] != RECIPIENTS_FORMAT:
            raise HomeError(f"{home.recipients} has a format that this version does not know; update Counterseal")
        texts = [named[recipient], *(named.get("recovery", []) if recipient == "signer" else [])]
        to = [pyrage.x25519.Recipient.from_str(text) for text in texts]
    except (ValueError, KeyError, TypeError, AttributeError, pyrage.RecipientError):
        raise HomeError(f"{home.recipients} is damaged; {_RESTORE}") from None
    return pyrage.encrypt(content, to)  # type: ignore[no-any-return]  # the library ships no types


@contextmanager
def unlocking(unlocker: Callable[[Home], Secret]) -> Iterator[None]:
    """Have an identity that is sealed with a passphrase opened by `unlocker`, which may ask its operator, meanwhile."""
    global _unlocker
    before, _unlocker = _unlocker, unlocker
    try:
        yield
    finally:
        _unlocker = before


def identity_secret(home: Home, owner: str) -> Secret:
    """Read the identity of "signer" or "gateway" as the text that age knows.

    Raises PassphraseNeededError when it is sealed with a passphrase and nobody can be asked, HomeError when it cannot
    be read.
    """
    path = home.signer_identity if owner == "signer" else home.gateway_identity
    content = read_private(path)
    if seal_header.is_sealed(content):
        if _unlocker is not None and owner == "signer":
            return _unlocker(home)
        raise PassphraseNeededError(f"{path} is sealed with a passphrase, and none was given")
    return parse_identity(content)


def is_locked(home: Home) -> bool:
    """Tell whether the signer's identity is sealed with a passphrase. Raises HomeError when it cannot be read."""
    return seal_header.is_sealed(read_private(home.signer_identity))


def lock(identity: Secret, passphrase: Secret) -> bytes:
    """Seal an identity with a passphrase (scrypt, about a second); the file that `age -p` would make."""
    text = identity.reveal().strip() + b"\n"
    return scrypt.encrypt(text, passphrase.reveal().decode())  # type: ignore[no-any-return]  # no types


def unlock(home: Home, passphrase: Secret) -> Secret:
    """Open the signer's identity with its passphrase (scrypt, about a second).

    Raises WrongPassphraseError, and HomeError when the file is cut short, changed or sealed otherwise.
    """
    return open_locked(read_private(home.signer_identity), passphrase, str(home.signer_identity))


def open_locked(sealed: bytes, passphrase: Secret, what: str) -> Secret:
    """Open an identity that `lock`, `age -p` or `age -p -a` sealed; `what` names it in the error.

    Raises WrongPassphraseError, and HomeError when it is cut short, changed or sealed otherwise.
    """
    try:
        kinds = seal_header.kinds(sealed)
    except ValueError as fault:
        raise HomeError(f"{what} cannot be opened: {fault}; {_RESTORE}") from None
    if kinds != ["scrypt"]:
        raise HomeError(f"{what} is not sealed with a passphrase; {_RESTORE}")
    try:
        return parse_identity(scrypt.decrypt(sealed, passphrase.reveal().decode()))
    except pyrage.DecryptError as fault:
        if str(fault) == _WRONG:
            raise WrongPassphraseError("the passphrase is wrong") from None
        raise HomeError(f"{what} cannot be opened: {_damage(fault)}; {_RESTORE}") from None


def parse_identity(content: bytes) -> Secret:
    """Take the identity out of what a file holds, with or without the comments that age-keygen writes."""
    lines = (line.strip() for line in content.splitlines())
    return Secret(b"\n".join(line for line in lines if line and not line.startswith(b"#")))


def open_sealed(identity: Secret, sealed: bytes, what: str) -> bytes:
    """Open a sealed content; `what` names it in the error.

    Raises ForeignSealError when it is sealed to others, HomeError when it or the identity is damaged.
    """
    try:
        opener = pyrage.x25519.Identity.from_str(identity.reveal().decode("ascii"))
    except (UnicodeDecodeError, pyrage.IdentityError):
        raise HomeError(f"the age identity file is damaged; {_RESTORE}") from None
    if not sealed.startswith(_AGE):
        raise HomeError(f"{what} cannot be opened: it is no age file; {_RESTORE}")
    try:
        return pyrage.decrypt(sealed, [opener])  # type: ignore[no-any-return]  # the library ships no types
    except pyrage.DecryptError as fault:
        if str(fault) == _FOREIGN:
            raise _foreign(sealed, what) from None
        raise HomeError(f"{what} cannot be opened: {_damage(fault)}; {_RESTORE}") from None


def _foreign(sealed: bytes, what: str) -> ForeignSealError:
    if _SCRYPT in sealed[:200]:
        return ForeignSealError(f"{what} cannot be opened: it was sealed again, with a passphrase; {_RESTORE}")
    return ForeignSealError(
        f"{what} cannot be opened with this installation's identity: it is sealed to another one; "
        "restore the pair from one backup"
    )


def _damage(fault: Exception) -> str:
    return "it was cut short" if str(fault) == _CUT else "it was cut short or changed"
