"""Frames: a server's texts as one writes them, and a server's bytes cut into frames as one reads them."""

_TEXT = 0x81
# A masked frame is none of a server's: as good as one that is too long.
_ENDLESS = 1 << 64


def text_frame(payload: bytes) -> bytes:
    """Give the frame of one text message: whole and unmasked."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65_536:
        return bytes((_TEXT, 126, size >> 8, size & 0xFF)) + payload
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + payload


class Cutter:
    """Cuts what a server sends into whole frames. A message that comes in one frame needs nothing else.

    `most` bounds a frame's payload in bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = bytearray()
        self._awaited = 0

    def feed(self, data: bytes) -> list[tuple[bool, bytes]]:
        """Give (True, payload) for each whole text, and (False, bytes) for what a parser must look at.

        That is every other frame as it came, and all there is from a frame on that is masked or too long.
        """
        if self._held:
            self._held += data
            if len(self._held) < self._awaited:
                return []
            data, self._held = bytes(self._held), bytearray()
        found: list[tuple[bool, bytes]] = []
        at, size = 0, len(data)
        while at < size:
            begin, end = _bounds(data, at)
            if end - begin > self._most:
                found.append((False, data[at:]))
                break
            if end > size:
                self._held, self._awaited = bytearray(data[at:]), end - at
                break
            found.append((True, data[begin:end]) if data[at] == _TEXT else (False, data[at:end]))
            at = end
        return found


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Tell where a frame's payload begins and ends; where its header ends as long as that is not whole."""
    size, begin = len(data), at + 2
    if begin > size:
        return begin, begin
    length = data[at + 1]
    if length < 126:
        return begin, begin + length
    if length > 127:
        return begin, begin + _ENDLESS
    begin += 2 if length == 126 else 8
    if begin > size:
        return begin, begin
    return begin, begin + int.from_bytes(data[at + 2 : begin], "big")
