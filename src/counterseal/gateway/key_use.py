"""What stands on each version of a key: a rotation goes on when nothing stands on the old one any more."""

from collections.abc import Mapping
from typing import Any

from counterseal.core.key_uses import KeyUses
from counterseal.core.messages import HeldKey


def key_use_report(keys: Mapping[str, HeldKey], uses: KeyUses, feeds: Mapping[str, int]) -> dict[str, Any]:
    """Give requests and connections of user data for each version that is held or used, and its stage with the signer.

    The stage is None for one that the signer does not hold any more.
    """
    refs = sorted(keys.keys() | uses.counts.keys() | feeds.keys())
    return {
        ref: {
            "stage": keys[ref].stage if ref in keys else None,
            "requests": uses.counts.get(ref, 0),
            "feeds": feeds.get(ref, 0),
        }
        for ref in refs
    }
