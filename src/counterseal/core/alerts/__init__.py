"""Alerts: whom to tell what, how often, and what is done when a channel does not take it."""
