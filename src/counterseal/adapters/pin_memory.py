"""PINs that an operator typed, kept for the signers to come: in memory that outlives them and no file shows.

The supervisor asks once and keeps the descriptor; each signer reads from it. A PIN is no exchange secret: it is worth
nothing without the token.
"""

import getpass
import json
import mmap
import os
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence

from counterseal.adapters import hsm_file, pin_source, secret_memory
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.hsm_file import TokenPlace
from counterseal.adapters.pin_source import MAX_PIN, Pin
from counterseal.core.secret import Secret

SIZE = 16_384


def ask(home: Home, say: Callable[[str], None], stdin: int = 0) -> int | None:
    """Ask for the PIN of each token that wants it from an operator; gives the descriptor, None when there is none.

    From the terminal; else from a pipe, one line for each token in the order of `keys/hsm.json`. Raises HomeError for
    what cannot be a PIN.
    """
    places = wanted(home)
    if not places:
        return None
    if os.isatty(stdin):
        return keep({place.address: _typed(place) for place in places})
    if stat.S_ISCHR(os.fstat(stdin).st_mode):  # /dev/null answers nothing
        say(f"there is nobody to ask for the PIN of the {', the '.join(place.name for place in places)}")
        return None
    return keep({place.address: pin_source.checked(_line(stdin), place) for place in places})


def wanted(home: Home) -> Sequence[TokenPlace]:
    """Give the tokens whose PIN is to be asked for. Raises HomeError."""
    keys = hsm_file.read(home).values()
    found = {key.token.address: key.token for key in keys if key.api_key is not None}
    return [place for place in found.values() if place.pin.source == "prompt"]


def keep(pins: Mapping[str, Secret]) -> int:
    """Put PINs into memory of the best kind that a descriptor can name, and unmap it. Raises HomeError."""
    texts = {address: pin.reveal().decode("ascii") for address, pin in pins.items()}
    # The nonce tells this asking from any other, so that a PIN that was refused is not tried a second time.
    content = json.dumps({"nonce": secrets.token_hex(16), "pins": texts}).encode()
    if len(content) > SIZE:
        raise HomeError("there are more tokens than their PINs have room for; use PIN files")
    try:
        fd = secret_memory.descriptor(SIZE)
    except OSError:
        fd = os.memfd_create("pins", os.MFD_CLOEXEC)
        os.ftruncate(fd, SIZE)
    with mmap.mmap(fd, SIZE) as pages:
        pages[: len(content)] = content
    return fd


def read(fd: int) -> dict[str, Pin]:
    """Give what `keep` put there, by `TokenPlace.address`."""
    with mmap.mmap(fd, SIZE, prot=mmap.PROT_READ) as pages:
        found = json.loads(pages[:].rstrip(b"\0"))
    return {address: Pin(Secret(pin.encode()), found["nonce"]) for address, pin in found["pins"].items()}


def _typed(place: TokenPlace) -> Secret:
    return pin_source.checked(getpass.getpass(f"PIN of the {place.name} (not shown): ").encode(), place)


def _line(stdin: int) -> bytes:
    """Read one line and not a byte more: what follows is for somebody else."""
    line = b""
    while len(line) <= MAX_PIN + 2 and not line.endswith(b"\n"):
        byte = os.read(stdin, 1)
        if not byte:
            break
        line += byte
    return line
