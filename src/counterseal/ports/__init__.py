"""Interfaces of at most five methods between decisions and the outside."""
