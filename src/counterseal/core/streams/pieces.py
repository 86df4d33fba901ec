"""A text message as its fragments come in: put together, and found faulty as early as that can be known."""

import codecs

_decoder = codecs.getincrementaldecoder("utf-8")


def is_utf_8(data: bytes) -> bool:
    """Tell whether these bytes are text; nearly all that is relayed is ASCII, which is soon seen."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class Pieces:
    """The fragments of the message that has begun; its length counts them."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._decoder = _decoder()

    def __len__(self) -> int:
        return len(self._pieces)

    def add(self, data: bytes, *, is_last: bool) -> bytes | None:
        """Take a fragment; gives the whole message with its last one, else None.

        Raises UnicodeDecodeError when the message is not, or can no longer become, UTF-8; nothing may be added then.
        """
        if is_last and not self._pieces:
            if not data.isascii():
                data.decode()
            return data
        self._decoder.decode(data, is_last)
        self._pieces.append(data)
        if not is_last:
            return None
        whole, self._pieces = b"".join(self._pieces), []
        return whole
