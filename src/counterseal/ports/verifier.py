"""Whether a bot's signature is right. Cryptography stands behind this port (ruling 27)."""

from typing import Protocol

from counterseal.core.credential import Credential


class Verifier(Protocol):
    """Checks one signature against one payload."""

    def verify(self, credential: Credential, payload: bytes, signature: str) -> bool:
        """Tell whether `signature` (hex for HMAC, base64 else, percent-decoded) covers `payload`. Never raises."""
        ...
