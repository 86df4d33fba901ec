"""Text frames as a server sends them: whole, unmasked, encoded once for everybody."""

_TEXT = 0x81


def text_frame(payload: bytes) -> bytes:
    """Give the frame of one text message."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65_536:
        return bytes((_TEXT, 126, size >> 8, size & 0xFF)) + payload
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + payload
