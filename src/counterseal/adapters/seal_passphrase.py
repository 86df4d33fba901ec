"""The passphrase on the signer's identity: set, changed, taken away. The identity itself stays the same.

The file is replaced whole: a crash leaves the old one, or the new one, and both open the same keys.
"""

import pyrage

from counterseal.adapters import age_box, seal_recipients
from counterseal.adapters.home import Home, HomeError, replace_private
from counterseal.core.secret import Secret


def put(home: Home, identity: Secret, passphrase: Secret) -> None:
    """Seal the identity with a passphrase (about two seconds: it is opened again before it counts).

    Raises HomeError, without having changed anything, when what was sealed does not open.
    """
    check(home, identity)
    sealed = age_box.lock(identity, passphrase)
    again = age_box.open_locked(sealed, passphrase, "the identity that was just sealed")
    if again.reveal() != identity.reveal():
        raise HomeError("the identity that was just sealed is another one; nothing was changed")
    replace_private(home.signer_identity, sealed)


def take_away(home: Home, identity: Secret) -> None:
    """Put the identity in its place without a passphrase. Raises HomeError."""
    check(home, identity)
    replace_private(home.signer_identity, identity.reveal().strip() + b"\n")


def check(home: Home, identity: Secret) -> None:
    """Raise HomeError unless this identity is the one that `recipients.json` names as the signer's."""
    if public_half(identity) != seal_recipients.named(home).get("signer"):
        raise HomeError(
            f"the signer's identity and {home.recipients} do not belong together; restore both from one backup"
        )


def public_half(identity: Secret) -> str | None:
    """Give the recipient that belongs to an identity; None when it is none."""
    try:
        return str(pyrage.x25519.Identity.from_str(identity.reveal().decode("ascii")).to_public())
    except (UnicodeDecodeError, pyrage.IdentityError):
        return None
