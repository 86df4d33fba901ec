"""A process that asks a store elsewhere for the sealed keys, so that the one which can open them reaches no network.

The opener makes it before it knows anything, shuts itself in, and takes the envelope from a pipe. What asks has no
identity, no key and nothing else of the opener's; what has them talks to nobody.
"""

import json
import os
import signal
from typing import NoReturn

from counterseal.adapters import key_reach, key_source, sandbox
from counterseal.adapters.home import Home, HomeError
from counterseal.adapters.process import die_with_parent
from counterseal.adapters.sandbox import profiles
from counterseal.core.config.model import Keystore
from counterseal.ports.key_store import KeyStore, KeyStoreError, Trouble

_SEALED, _NOTHING, _TROUBLE = b"s", b"-", b"!"
# The store has its own time; a library that hangs is ended after so much more.
_GRACE_S = 3


class Fetched:
    """What the process brings: a store to be read, once asked for and then remembered."""

    def __init__(self, store: KeyStore, pipe: int, pid: int) -> None:
        self._name, self._pipe, self._pid = store.name, pipe, pid
        self._found: bytes | None = None

    @property
    def name(self) -> str:
        """How messages call the store."""
        return self._name

    def read(self) -> bytes | None:
        """Give what the store holds. Raises KeyStoreError."""
        if self._found is None:
            with os.fdopen(self._pipe, "rb") as pipe:
                self._found = pipe.read()
            os.waitpid(self._pid, 0)
        kind, content = self._found[:1], self._found[1:]
        if kind == _SEALED:
            return content
        if kind == _NOTHING:
            return None
        if kind != _TROUBLE:
            raise KeyStoreError(Trouble.SLOW, f"{self._name} was not asked to the end; see keystore.timeout_s")
        told = json.loads(content)
        raise KeyStoreError(Trouble(told["kind"]), told["sentence"])

    def write(self, _content: bytes) -> None:
        """Never done here."""
        raise KeyStoreError(Trouble.REFUSED, f"{self._name} is only read here")


def begin(home: Home, settings: Keystore) -> None:
    """Have the store asked by a process of its own; whoever reads the keys here gets them from it.

    To be called while there is one thread, before this process enters its sandbox. Raises HomeError and OSError.
    """
    store, reach = key_source.of(home), key_reach.of(home, settings)
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        _ask(home, settings, store, reach, theirs)
    os.close(theirs)
    key_source.put(home, settings, Fetched(store, ours, pid))


def _ask(home: Home, settings: Keystore, store: KeyStore, reach: key_reach.Reach, out: int) -> NoReturn:
    code = 1
    try:
        die_with_parent()
        _keep_only(out)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(settings.timeout_s + _GRACE_S)
        profile = profiles.store_watch(home, ports=reach.ports, resolves=reach.resolves)
        sandbox.enter(profiles.reading(profile, *reach.files))
        answer = _answer(store)
        signal.alarm(0)  # whoever reads may wait for a passphrase first
        _write(out, answer)
        code = 0
    finally:
        os._exit(code)


def _answer(store: KeyStore) -> bytes:
    try:
        held = store.read()
    except KeyStoreError as fault:
        return _TROUBLE + json.dumps({"kind": fault.kind.value, "sentence": str(fault)}).encode()
    except (HomeError, OSError) as fault:
        return _TROUBLE + json.dumps({"kind": Trouble.REFUSED.value, "sentence": str(fault)}).encode()
    return _NOTHING if held is None else _SEALED + held


def _keep_only(out: int) -> None:
    """Close what the opener has: the pipe to the signer, the memory with an opened identity, the terminal."""
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.closerange(3, out)
    os.closerange(out + 1, os.sysconf("SC_OPEN_MAX"))


def _write(out: int, answer: bytes) -> None:
    rest = memoryview(answer)
    while rest:
        rest = rest[os.write(out, rest) :]
