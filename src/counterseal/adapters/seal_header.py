"""What the header of an age file tells to anybody: for how many recipients, and of which kinds. Not for whom."""

import base64
import binascii

VERSION = b"age-encryption.org/v1\n"
ARMOR_BEGIN, ARMOR_END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
# Programs put such in so that others get used to skipping what they do not know; they open nothing.
_GREASE = "-grease"


def is_sealed(content: bytes) -> bool:
    """Tell whether it is an age file, in bytes or armored as text."""
    return content.startswith((VERSION, ARMOR_BEGIN))


def kinds(content: bytes) -> list[str]:
    """Give the kind of each recipient in the header: "X25519", "scrypt", …

    Raises ValueError when it is no age file or its header is cut short.
    """
    found: list[str] = []
    lines = _bare(content).split(b"\n")
    if lines[0] + b"\n" != VERSION:
        raise ValueError("no age file")
    for line in lines[1:]:
        if line.startswith(b"--- "):
            return [kind for kind in found if not kind.endswith(_GREASE)]
        if line.startswith(b"-> "):
            found.append(line.split(b" ")[1].decode("ascii", "replace"))
    raise ValueError("its header is cut short")


def show(found: list[str]) -> str:
    """Write kinds for people: "2 × X25519"."""
    return ", ".join(f"{found.count(kind)} × {kind}" for kind in dict.fromkeys(found)) or "nobody"


def _bare(content: bytes) -> bytes:
    if not content.startswith(ARMOR_BEGIN):
        return content
    text = content.removeprefix(ARMOR_BEGIN).strip().removesuffix(ARMOR_END)
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise ValueError("its armor is damaged") from None
