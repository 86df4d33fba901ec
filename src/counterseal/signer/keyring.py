"""The signer's keys ready to sign, with the memory they lie in and what an operator should know about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from counterseal.adapters import secret_memory, signing, sodium
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.secret_memory import SecretMemory
from counterseal.core.caps import Caps, CapsError, parse
from counterseal.signer import filling, key_page
from counterseal.signer.desk import HeldSigningKey
from counterseal.signer.filling import Unlocking
from counterseal.signer.log_key import KIND, LogSigner


class RefusedError(Exception):
    """The signer may not start as it is set up; one sentence, only an operator can change it."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by name, their caps, the level of the memory, warnings as sentences, and what signs checkpoints."""

    keys: Mapping[str, HeldSigningKey]
    caps: Mapping[str, Caps]
    memory: SecretMemory
    warnings: tuple[str, ...]
    log: LogSigner | None = None


def load(
    home: Home, page_fd: int | None, unlocking: Unlocking, lifeline_fd: int, *, refill: bool, required: str
) -> Keyring:
    """Fill the memory if need be and prepare every key in it.

    `page_fd` is secret memory that may hold the table already; `required` is the least level (`[signer]`). Raises
    RefusedError, HomeError, and what `filling.obtain` raises.
    """
    memory = _memory(page_fd)
    if not secret_memory.reaches(memory.level, required):
        raise RefusedError(secret_memory.shortfall(memory.level, required))
    table = filling.obtain(memory, home, unlocking, lifeline_fd, refill=refill)
    try:
        own = [placed for placed in table.keys if placed.held.kind != KIND]
        keys = {placed.held.ref: HeldSigningKey(placed.held, _hold(placed)) for placed in own}
        logs = [LogSigner(placed.held.ref, placed.place) for placed in table.keys if placed.held.kind == KIND]
        caps = parse(table.caps)
    except CapsError as fault:
        raise HomeError(f"the signer's caps are damaged ({fault}); set them again") from None
    except sodium.SodiumMissingError as fault:
        raise RefusedError(str(fault)) from None
    memory.protect()
    copied = [ref for ref, key in keys.items() if key.held.kind in signing.COPIED_KINDS]
    if copied and required != secret_memory.NONE:
        raise RefusedError(_too_little(copied[0], required))
    return Keyring(keys, caps, memory, tuple(map(_warning, copied)), logs[0] if logs else None)


def _memory(page_fd: int | None) -> SecretMemory:
    if page_fd is not None:
        try:
            return secret_memory.mapped(page_fd, key_page.SIZE)
        except OSError:
            pass  # the limit of locked memory: what there is instead is reported
    return secret_memory.best(key_page.SIZE)


def _hold(placed: key_page.Placed) -> signing.SigningKey:
    held = placed.held
    try:
        return signing.hold(held.kind, placed.place)
    except ValueError:
        raise HomeError(
            f"key {held.ref} is damaged; remove it with: counterseal key remove {held.name}, then add it again"
        ) from None


def _warning(ref: str) -> str:
    return f'key {ref} is RSA: while it signs, a copy lies in ordinary memory (secret memory "none"); Ed25519 is better'


def _too_little(ref: str, required: str) -> str:
    return (
        f'secret memory of level "{required}" is required, and key {ref} is RSA, which cannot be used there; '
        "replace it by an Ed25519 key or lower signer.secret_memory"
    )
