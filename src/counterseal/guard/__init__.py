"""The process that can always stop, cancel and tell: beside the gateway, with hands of its own."""
