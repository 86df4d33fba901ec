"""Installations for tests of the adapters, the signer, the supervisor and the command line."""

from pathlib import Path

from counterseal.adapters import age_box
from counterseal.adapters.home import Home

SOURCE = Path(__file__).parents[1] / "src"
HMAC_SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


def make_home(root: Path) -> Home:
    """Make directories and identities below `root`; no keys, no configuration."""
    home = Home(root)
    home.create()
    age_box.make_identities(home)
    return home
