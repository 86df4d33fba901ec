"""Market streams: which there are, where they are asked for, who wants them, and what must be said upstream."""
