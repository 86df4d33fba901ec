"""The paper exchange starts no program, and one started all the same gets no rights that it has not."""

import ctypes

_PR_SET_NO_NEW_PRIVS = 38


def forbid_new() -> None:
    """Set no_new_privs for good. A system without it serves all the same."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
