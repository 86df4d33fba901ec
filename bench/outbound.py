"""What must reach the exchange: the right API key, and a signature that verifies over the pairs as sent."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from orders import Credential

Verify = Callable[[bytes, str], bool]


@dataclass(frozen=True)
class Outbound:
    """Expected API key, and a check of (signed bytes, signature text as sent)."""

    api_key: str
    verify: Verify

    def fault(self, api_key: str, pairs: str) -> str | None:
        """What is wrong with the last order that reached the upstream; None when nothing is."""
        if api_key != self.api_key:
            return "the order did not carry the expected API key"
        signed, separator, rest = pairs.rpartition("&signature=")
        if not separator or "&" in rest:
            return "the order's last pair was not its signature"
        return None if self.verify(signed.encode(), rest) else "the order's signature does not verify"


def hmac_outbound(credential: Credential) -> Outbound:
    """HMAC-SHA256 in hexadecimal."""

    def verify(signed: bytes, signature: str) -> bool:
        return hmac.compare_digest(hmac.digest(credential.secret, signed, "sha256").hex(), signature.lower())

    return Outbound(credential.api_key, verify)


def ed25519_outbound(api_key: str, public_key: Ed25519PublicKey) -> Outbound:
    """Ed25519 in percent-encoded base64."""

    def verify(signed: bytes, signature: str) -> bool:
        try:
            public_key.verify(base64.b64decode(unquote(signature), validate=True), signed)
        except (InvalidSignature, binascii.Error):
            return False
        return True

    return Outbound(api_key, verify)
