"""Where the parts of the private CA lie in a home.

Names only, apart from what opens the CA's key: the gateway needs one of them and must not import that.
"""

from dataclasses import dataclass
from pathlib import Path

from counterseal.adapters.home import Home


@dataclass(frozen=True, slots=True)
class CaFiles:
    """Where the parts of the CA lie in a home."""

    home: Home

    @property
    def directory(self) -> Path:
        """Certificates, and the leaf's key: what the gateway may read."""
        return self.home.root / "tls"

    @property
    def leaf(self) -> Path:
        """The leaf certificate with its key, PEM."""
        return self.directory / "leaf.pem"

    @property
    def identity(self) -> Path:
        """The age identity that opens the CAs' keys."""
        return self.home.root / "identities" / "ca.key"

    def certificate(self, *, coming: bool = False) -> Path:
        """The CA in force, or the one that comes next, PEM."""
        return self.directory / ("ca-next.pem" if coming else "ca.pem")

    def sealed_key(self, *, coming: bool = False) -> Path:
        """The key of that CA, sealed."""
        return self.home.root / "keys" / ("ca-next.age" if coming else "ca.age")
