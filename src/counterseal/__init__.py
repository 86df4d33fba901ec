"""Counterseal: the gateway that holds the real keys, so that bots need not."""

__version__ = "0.1.0"
