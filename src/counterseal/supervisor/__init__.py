"""Starts the processes, restarts them, owns the control socket."""
