"""Reaching a token through its PKCS #11 module: load, find, log in. Needs the extra `hsm`; only the signer and the
operator's commands import this.

Everything that can go wrong is a TokenError, whose text is one sentence with the way out and holds no PIN.
"""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pkcs11
from pkcs11 import exceptions as errors
from pkcs11.constants import TokenFlag

from counterseal.adapters.hsm_file import TokenPlace
from counterseal.core.secret import Secret

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library

_WRITABLE_BY_OTHERS = 0o022


class TokenError(Exception):
    """A token cannot be used; the text is one sentence with the way out."""


class TokenAbsentError(TokenError):
    """The token is not there now; it may come back."""


class PinRefusedError(TokenError):
    """The token refused the PIN, or would lock itself after one more wrong one. Not to be tried again."""


class Module:
    """A loaded module. `generation` grows when it is initialised anew: handles of an older one mean nothing, and a
    number that was one key's may be another's afterwards."""

    def __init__(self, library: "Library") -> None:
        self.library = library
        self.generation = 0

    def renew(self) -> None:
        """Have it look for its tokens anew: some list only those that were there when it was initialised.

        Every session over it is lost. Raises TokenAbsentError.
        """
        self.generation += 1
        try:
            self.library.reinitialize()
        except errors.PKCS11Error as fault:
            raise TokenAbsentError(f"{self.library.so} cannot be initialised again ({kind_of(fault)})") from None


_loaded: dict[str, Module] = {}


def load(place: TokenPlace) -> Module:
    """Load the module and initialise it; one that is loaded already is given again. Raises TokenError."""
    if place.module in _loaded:
        return _loaded[place.module]
    path = Path(place.module)
    _check_module(path)
    for name, value in place.settings:
        if not Path(value).exists():
            raise TokenError(f"{value}, which {name} names for {path}, does not exist")
        os.environ[name] = value  # the module reads it with getenv; it is the path of a settings file, no secret
    try:
        module = _loaded[place.module] = Module(pkcs11.lib(str(path)))
    except RuntimeError as fault:  # PKCS11Error is one, and so is what a file that is no module gives
        raise TokenError(
            f"{path} cannot be loaded as a PKCS #11 module ({kind_of(fault)}); install the token's driver, or name the "
            "right file"
        ) from None
    return module


def find(module: Module, place: TokenPlace) -> pkcs11.Token:
    """Find the token in the module's slots. Raises TokenAbsentError or TokenError."""
    serial = None if place.serial is None else place.serial.encode()
    try:
        return module.library.get_token(
            **({} if place.label is None else {"token_label": place.label}),
            **({} if serial is None else {"token_serial": serial}),
        )
    except errors.NoSuchToken:
        raise TokenAbsentError(
            f"there is no {place.name} in the slots of {place.module}; insert it, or correct its label or serial number"
        ) from None
    except errors.MultipleTokensReturned:
        raise TokenError(f"several tokens fit the {place.name}; name it by its serial number too") from None
    except errors.PKCS11Error as fault:
        raise TokenAbsentError(f"{place.module} does not list its tokens ({kind_of(fault)})") from None


def log_in(token: pkcs11.Token, place: TokenPlace, pin: Secret, *, rw: bool = False) -> pkcs11.Session:
    """Open a session of the token's user. `rw` is needed to make or import keys only.

    Raises PinRefusedError without any try when the token has only one try left. Raises TokenError.
    """
    if token.flags & TokenFlag.USER_PIN_LOCKED:
        raise PinRefusedError(
            f"the {place.name} has locked its PIN; unlock it with the token's own tool and its SO PIN"
        )
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise PinRefusedError(
            f"the {place.name} locks itself with the next wrong PIN, so it is not tried from here; enter the right one "
            "once with the token's own tool"
        )
    try:
        return token.open(rw=rw, user_pin=pin.reveal().decode("ascii"))
    except errors.UserAlreadyLoggedIn:
        return token.open(rw=rw)  # the login belongs to the process, not to one session
    except (errors.PinIncorrect, errors.PinInvalid, errors.PinLenRange):
        raise PinRefusedError(
            f"the {place.name} refuses the PIN; it is not tried again, because a token locks itself after a few wrong "
            "ones: correct it at its source, then start again"
        ) from None
    except errors.PinLocked:
        raise PinRefusedError(
            f"the {place.name} has locked its PIN; unlock it with the token's own tool and its SO PIN"
        ) from None
    except errors.UserPinNotInitialized:
        raise PinRefusedError(f"the {place.name} has no user PIN yet; set one with the token's own tool") from None
    except errors.PKCS11Error as fault:
        raise TokenAbsentError(f"the {place.name} does not open a session ({kind_of(fault)})") from None


def close(session: pkcs11.Session) -> None:
    """Close a session; one that is dead already is no fault."""
    try:
        session.close()
    except errors.PKCS11Error:
        pass  # the token has ended it, or is gone


def _check_module(path: Path) -> None:
    """What is loaded becomes part of the signer: nobody else may be able to write it."""
    try:
        info = path.resolve().stat()
    except OSError as fault:
        raise TokenError(
            f"the PKCS #11 module {path} is missing or not readable ({fault.strerror}); install the token's driver "
            "(SoftHSM: apt-get install softhsm2), or name the right file"
        ) from None
    if not stat.S_ISREG(info.st_mode):
        raise TokenError(f"the PKCS #11 module {path} is no regular file; name the module's .so")
    if info.st_uid not in (os.geteuid(), 0) or info.st_mode & _WRITABLE_BY_OTHERS:
        raise TokenError(
            f"the PKCS #11 module {path} can be written by other users, and it would run inside the signer; "
            "have root own it, mode 0644"
        )


def kind_of(fault: BaseException) -> str:
    """Give a fault's kind alone: a library's message could hold anything."""
    return type(fault).__name__
