"""The least key that can do the request signs it."""

from collections.abc import Collection, Mapping

from counterseal.core.config.model import Bot, Key
from counterseal.core.messages import HeldKey
from counterseal.core.rotation import Stage


def least_key(bot: Bot, purpose: str, keys: Mapping[str, Key], held: Collection[str]) -> str | None:
    """Give the name of the bot's key with the fewest functions that cover the purpose and that the signer holds.

    Ties go to the order in which the bot names them. None when there is none.
    """
    fitting = [keys[name] for name in bot.keys if name in keys and name in held and purpose in keys[name].functions]
    return min(fitting, key=lambda key: len(key.functions)).name if fitting else None


def active_keys(held: Mapping[str, HeldKey]) -> dict[str, HeldKey]:
    """Give of each key, by its name, the version that signs what is asked from now on."""
    return {key.name: key for key in held.values() if key.stage == Stage.ACTIVE}
