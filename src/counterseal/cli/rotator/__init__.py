"""Moves keys from one version to the next; lives for a moment, run by an operator or, every hour, by the supervisor."""
