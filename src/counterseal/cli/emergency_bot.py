"""A bot's credential in other hands: the bot is frozen, its credentials end, and they are shown to be dead."""

import http.client
import json
from collections.abc import Mapping

from counterseal.adapters import credential_file
from counterseal.cli.emergency_course import Freeze, Ground, Result, Work
from counterseal.core.credential import Credential

RELOAD_S, ANSWER_S = 5.0, 5.0
# Public data: with a key id that is known it is served, or refused by that bot's policy.
_PATH = "/api/v3/time"
_UNKNOWN = "credential_or_signature"


class BotEmergency:
    """The steps for one bot."""

    def __init__(self, ground: Ground, name: str, freeze: Freeze) -> None:
        self._ground, self._name, self._freeze = ground, name, freeze
        self._withdrawn: dict[str, Credential] = {}

    def works(self) -> Mapping[str, Work]:
        """Give what is done in each step of the plan."""
        return {
            "freeze": self._freeze.freeze, "withdraw": self._withdraw, "refused": self._refused,
            "cancel": self._freeze.cancel,
        }  # fmt: skip

    def _withdraw(self) -> Result:
        home = self._ground.home
        loaded = credential_file.load_all(home)
        self._withdrawn = {
            fingerprint: credential for fingerprint, credential in loaded.by_fingerprint.items()
            if credential.bot == self._name and not credential.canary
        }  # fmt: skip
        unread = f"; of {len(loaded.faults)} files nobody can tell whose they are" if loaded.faults else ""
        if not self._withdrawn:
            return Result(False if unread else None, f"it has no credential{unread}")
        for fingerprint in self._withdrawn:
            try:
                credential_file.remove(home, fingerprint)
            except FileNotFoundError:
                continue  # somebody else has just revoked it
        self._ground.ask("reload_bots", {}, RELOAD_S)
        return Result(not unread, f"{', '.join(self._withdrawn)} removed, and the gateway has taken it up{unread}")

    def _refused(self) -> Result:
        """Try each with the gateway, by the key id alone: nothing is signed, so no kind of key is left out."""
        if not self._withdrawn:
            return Result(None, "there was none to try")
        listen = json.loads(self._ground.home.supervisor_file.read_text())["listen"]
        told = {name: _reason(listen, credential.key_id) for name, credential in self._withdrawn.items()}
        wrong = [f"{name} is answered {reason}" for name, reason in told.items() if reason != _UNKNOWN]
        return Result(not wrong, "; ".join(wrong) or f"{', '.join(told)}: answered as a key id that does not exist")


def _reason(listen: str, key_id: str) -> str:
    """Give why a key id is refused, "nothing" where it is served."""
    host, _, port = listen.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=ANSWER_S)
    try:
        connection.request("GET", _PATH, headers={"Host": f"{host}:{port}", "X-MBX-APIKEY": key_id})
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("X-Counterseal-Reason") or f"with {answer.status}"
    except http.client.HTTPException as fault:
        return f"by a broken connection ({type(fault).__name__})"
    finally:
        connection.close()
