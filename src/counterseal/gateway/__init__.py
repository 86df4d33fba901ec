"""The hot path: parse, verify, decide, journal, sign, forward, answer."""
