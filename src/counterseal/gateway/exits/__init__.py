"""Cancels that leave by the WebSocket API of USD-M while its REST pool is closed."""
