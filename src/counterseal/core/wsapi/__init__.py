"""The WebSocket API: its methods, its frames, and which endpoint each method is."""
