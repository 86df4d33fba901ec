"""The WebSocket API towards bots: requests in frames, judged and carried out as those of HTTP."""
