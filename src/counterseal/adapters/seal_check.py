"""Looks over everything that is sealed in a home: does it open, for whom is it sealed, who could read or change it."""

import pwd
import stat
from dataclasses import dataclass, field
from pathlib import Path

from counterseal.adapters import age_box, hsm_file, seal_header, seal_passphrase, seal_recipients
from counterseal.adapters.home import Home, HomeError, read_private
from counterseal.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Row:
    """One file: what it is in short, its mode and owner (empty when it cannot be told), what was found."""

    path: Path
    mode: str
    owner: str
    sealed_to: str
    state: str


@dataclass(slots=True)
class Report:
    """What was looked at, and a sentence for everything that is not as it must be."""

    rows: list[Row] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def check(home: Home, identity: Secret | None) -> Report:
    """Look at identities, recipients, every sealed file, and what names keys in tokens.

    `identity` is the signer's, opened; None when it could not be, which the caller has told. Never raises for what is
    found.
    """
    report = Report()
    openers = _identities(home, identity, report)
    recovery = _recipients(home, openers, report)
    for path in sorted(home.root.rglob("*.age")):
        _sealed(home, path, openers, recovery, report)
    _tokens(home, report)
    _permissions(home, report)
    for path in sorted(home.root.rglob(".*.tmp")):
        report.faults.append(f"{path} was left by something that was interrupted; remove it")
    return report


def _identities(home: Home, identity: Secret | None, report: Report) -> dict[str, Secret]:
    """Give the identities that can be used, by the name of their file."""
    found: dict[str, Secret] = {} if identity is None else {home.signer_identity.stem: identity}
    for path in sorted(home.signer_identity.parent.glob("*.key")):
        try:
            content = read_private(path)
        except HomeError as fault:
            _broken(path, fault, report)
            continue
        locked = seal_header.is_sealed(content)
        if not locked and path != home.signer_identity:
            found[path.stem] = age_box.parse_identity(content)
        usable = path.stem in found and seal_passphrase.public_half(found[path.stem]) is not None
        state = "opens" if usable else "not opened" if locked else "is no age identity"
        if not usable and not locked:
            report.faults.append(f"{path} holds no age identity; restore it from a backup")
        report.rows.append(_row(path, "a passphrase" if locked else "nobody: its mode protects it", state))
    return found


def _recipients(home: Home, openers: dict[str, Secret], report: Report) -> tuple[str, ...] | None:
    """Give the recovery recipients; None when they cannot be told."""
    try:
        own, recovery = seal_recipients.named(home), seal_recipients.read(home)
    except HomeError as fault:
        _broken(home.recipients, fault, report)
        return None
    for owner in ("signer", "gateway"):
        if owner in openers and seal_passphrase.public_half(openers[owner]) != own.get(owner):
            report.faults.append(
                f"{home.recipients} names another recipient than the identity of the {owner} has, so new secrets would "
                "be sealed to somebody else; restore both from one backup"
            )
    report.rows.append(_row(home.recipients, "", f"names signer, gateway and {len(recovery)} for recovery"))
    return recovery


def _sealed(
    home: Home, path: Path, openers: dict[str, Secret], recovery: tuple[str, ...] | None, report: Report
) -> None:
    try:
        content = read_private(path)
        kinds = seal_header.kinds(content)
    except HomeError as fault:
        return _broken(path, fault, report)
    except ValueError as fault:
        report.faults.append(f"{path} cannot be opened: {fault}; restore it from a backup")
        report.rows.append(_row(path, "", "does not open"))
        return None
    state, opener = _opened(path, content, openers, report)
    report.rows.append(_row(path, seal_header.show(kinds), state))
    if opener == "signer" and recovery is not None and len(kinds) != 1 + len(recovery):
        report.faults.append(
            f"{path} has {len(kinds)} for recipients where {1 + len(recovery)} should be, the signer and "
            f"{len(recovery)} for recovery; seal it again with: counterseal seal add-recipient --again"
        )
    if opener == "signer" and path.parent == home.bots:
        report.faults.append(f"{path} is sealed to the signer instead of the gateway; revoke it and mint a new one")
    if path.parent == home.exchange_keys.parent and "gateway" in openers and _opens(openers["gateway"], content):
        report.faults.append(
            f"{path} can be opened by the gateway, which must never be; seal it again with: "
            "counterseal seal add-recipient --again"
        )
    return None


def _opens(identity: Secret, content: bytes) -> bool:
    try:
        age_box.open_sealed(identity, content, "")
    except HomeError:
        return False
    return True


def _opened(path: Path, content: bytes, openers: dict[str, Secret], report: Report) -> tuple[str, str | None]:
    told: HomeError | None = None
    for owner, identity in openers.items():
        try:
            age_box.open_sealed(identity, content, str(path))
        except age_box.ForeignSealError as fault:
            told = told or fault
        except HomeError as fault:
            told = fault
            break
        else:
            return f"opens for the {owner}", owner
    if isinstance(told, age_box.ForeignSealError) and "signer" not in openers:
        return "not tried: the signer's identity is not open", None
    report.faults.append(str(told) if told else f"{path} cannot be opened: there is no identity that could")
    return "does not open", None


def _tokens(home: Home, report: Report) -> None:
    path = hsm_file.path_of(home)
    if not path.exists() and not path.is_symlink():
        return None
    try:
        keys = hsm_file.read(home)
    except HomeError as fault:
        return _broken(path, fault, report)
    report.rows.append(_row(path, "", f"names {len(keys)} in tokens; holds no secret"))
    for pin in sorted({Path(key.token.pin.name) for key in keys.values() if key.token.pin.source == "file"}):
        try:
            read_private(pin)
        except HomeError as fault:
            _broken(pin, fault, report)
        else:
            report.rows.append(_row(pin, "", "a PIN; its mode protects it"))
    return None


def _permissions(home: Home, report: Report) -> None:
    try:
        home.check()
    except HomeError as fault:
        report.faults.append(str(fault))


def _broken(path: Path, fault: HomeError, report: Report) -> None:
    report.faults.append(str(fault))
    report.rows.append(_row(path, "", "cannot be used"))


def _row(path: Path, sealed_to: str, state: str) -> Row:
    try:
        info = path.lstat()
    except OSError:
        return Row(path, "", "", sealed_to, state)
    return Row(path, f"{stat.S_IMODE(info.st_mode):04o}", _owner(info.st_uid), sealed_to, state)


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
