"""Rules between the settings of the store of keys. The first line of each docstring is its text in the reference."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from counterseal.core.config.faults import FaultList
from counterseal.core.config.keystore_grammar import names_a_host

if TYPE_CHECKING:
    from counterseal.core.config.cross import Draft

_NEEDED = {
    "file": (),
    "vault": ("url", "path", "role", "role_id"),
    "aws": ("region", "secret_name"),
    "systemd": ("credential",),
}
_ALLOWED = {
    "vault": ("address", "login_file", "login_credential", "ca_file"),
    "aws": ("endpoint", "login_file", "login_credential", "ca_file"),
}
_OF_KINDS = frozenset(name for table in (_NEEDED, _ALLOWED) for names in table.values() for name in names)


def keystore_has_what_it_needs(draft: "Draft", faults: FaultList) -> None:
    """`vault` needs `url`, `path`, `role`, `role_id`; `aws` `region`, `secret_name`; `systemd` `credential`."""
    settings, kind = draft.keystore, draft.keystore.get("kind")
    if kind not in _NEEDED:
        return
    needed, allowed = _NEEDED[kind], _ALLOWED.get(kind, ())
    for name in needed:
        if name in settings and settings[name] is None:
            faults.add(
                ("keystore", name), f'is missing; a store of kind "{kind}" needs it', f"add {name} to [keystore]"
            )
    for name in sorted(_OF_KINDS - {*needed, *allowed}):
        if settings.get(name) is not None:
            cause = f'is no setting of a store of kind "{kind}"'
            faults.add(("keystore", name), cause, "remove it, or correct the kind")


def keystore_login_has_one_source(draft: "Draft", faults: FaultList) -> None:
    """`vault` needs one of `keystore.login_file` and `keystore.login_credential`, and nobody may give both."""
    settings = draft.keystore
    if not {"kind", "login_file", "login_credential"} <= settings.keys():
        return
    given = [name for name in ("login_file", "login_credential") if settings[name] is not None]
    if len(given) == 2:
        cause = "is given beside login_credential, and nobody can tell which of the two holds"
        faults.add(("keystore", "login_file"), cause, "remove one of them")
    elif not given and settings["kind"] == "vault":
        cause = "is missing, and so is login_credential: there is nothing to log in with"
        faults.add(("keystore", "login_file"), cause, "add one of them to [keystore]")


def keystore_needs_no_lookup(draft: "Draft", faults: FaultList) -> None:
    """Where `keystore.url` names its host, `keystore.address` must say where that is: its name is never looked up."""
    url, address = draft.keystore.get("url"), draft.keystore.get("address", "")
    if url is not None and address is None and names_a_host(url):
        cause = "is missing, and the host in url is a name, which is never looked up"
        faults.add(("keystore", "address"), cause, "add address, the IP address and port of that server")


KEYSTORE_RULES: "tuple[Callable[[Draft, FaultList], None], ...]" = (
    keystore_has_what_it_needs,
    keystore_login_has_one_source,
    keystore_needs_no_lookup,
)
