"""Who besides the signer can open the files below `keys`: recovery recipients, whose identities lie elsewhere.

A change is first noted in `recipients.json`, then each file is sealed again and replaced whole. Whatever moment it is
interrupted at, each file opens with the signer's identity; the same command again completes it.
"""

import json
from pathlib import Path
from typing import Any

import pyrage

from counterseal.adapters import age_box, key_source
from counterseal.adapters.home import Home, HomeError, read_private, replace_private
from counterseal.core.secret import Secret

MAX_RECOVERY = 8
_SECRET_MARK = "AGE-SECRET-KEY"  # noqa: S105  how such texts begin


def parse(text: str) -> str:
    """Check an age recipient ("age1…", X25519). Raises ValueError with a sentence."""
    if text.upper().startswith(_SECRET_MARK):
        raise ValueError(
            "this is an age identity, the secret half; whoever saw this command line can use it: make a new pair, and "
            "give the line of it that begins with age1"
        )
    try:
        return str(pyrage.x25519.Recipient.from_str(text))
    except pyrage.RecipientError:
        raise ValueError(
            "this is no age X25519 recipient; it begins with age1, as age-keygen prints it (no SSH key, no plugin)"
        ) from None


def read(home: Home) -> tuple[str, ...]:
    """Give the recovery recipients in the order in which they were added. Raises HomeError."""
    return _recovery(_document(home), home)


def named(home: Home) -> dict[str, str]:
    """Give the recipients of the installation itself by owner: "signer", "gateway". Raises HomeError."""
    found = _document(home)
    return {owner: str(text) for owner, text in found.items() if owner in ("signer", "gateway")}


def add(home: Home, identity: Secret, recipient: str) -> int:
    """Seal every file of the signer to one recipient more; gives how many files were.

    `identity` is the signer's. One that is there already has the files sealed again. Raises HomeError, and ValueError
    with a sentence for a recipient that must not be one.
    """
    document = _document(home)
    recovery = _recovery(document, home)
    if recipient in (document.get("signer"), document.get("gateway")):
        raise ValueError(
            "this recipient belongs to the installation itself: the signer opens its files anyway, the gateway may not"
        )
    if len({*recovery, recipient}) > MAX_RECOVERY:
        raise ValueError(f"there are {MAX_RECOVERY} recovery recipients already; remove one first")
    return _change(home, identity, document, tuple(dict.fromkeys((*recovery, recipient))))


def remove(home: Home, identity: Secret, recipient: str) -> int:
    """Seal every file of the signer without this recipient; gives how many files were.

    One that is not there has the files sealed again. Raises HomeError.
    """
    document = _document(home)
    return _change(home, identity, document, tuple(each for each in _recovery(document, home) if each != recipient))


def again(home: Home, identity: Secret) -> int:
    """Seal every file of the signer again to those that are listed; gives how many files were. Raises HomeError."""
    document = _document(home)
    return _change(home, identity, document, _recovery(document, home))


def _change(home: Home, identity: Secret, document: dict[str, Any], recovery: tuple[str, ...]) -> int:
    opened = list(_opened(home, identity))  # all of them, before anything is changed
    replace_private(home.recipients, json.dumps({**document, "recovery": list(recovery)}, indent=1).encode() + b"\n")
    for path, content in opened:
        sealed = age_box.seal(home, "signer", content.reveal())
        if path == home.exchange_keys:
            key_source.write(home, sealed)
        else:
            replace_private(path, sealed)
    return len(opened)


def _opened(home: Home, identity: Secret) -> list[tuple[Path, Secret]]:
    found = []
    paths = {*(home.root / "keys").glob("*.age"), home.exchange_keys}
    for path in sorted(paths):
        try:
            sealed = key_source.held(home) if path == home.exchange_keys else read_private(path)
            if sealed is not None:
                found.append((path, Secret(age_box.open_sealed(identity, sealed, str(path)))))
        except age_box.ForeignSealError:
            if path == home.exchange_keys:
                raise
            continue  # of another owner, such as the key of the private CA
    return found


def _document(home: Home) -> dict[str, Any]:
    try:
        document = json.loads(read_private(home.recipients))
        if document["format"] != age_box.RECIPIENTS_FORMAT:
            raise HomeError(f"{home.recipients} has a format that this version does not know; update Counterseal")
    except (ValueError, KeyError, TypeError):
        raise _damaged(home) from None
    return dict(document)


def _recovery(document: dict[str, Any], home: Home) -> tuple[str, ...]:
    listed = document.get("recovery", [])
    try:
        return tuple(parse(text) for text in listed)
    except (ValueError, TypeError, AttributeError):
        raise _damaged(home) from None


def _damaged(home: Home) -> HomeError:
    return HomeError(f"{home.recipients} is damaged; restore it from a backup")
