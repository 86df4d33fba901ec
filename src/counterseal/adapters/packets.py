"""Bodies of the signer protocol as MessagePack, frames by `core.messages`."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from counterseal.core import messages
from counterseal.core.messages import FramingError, Message, MessageType

_TYPES: dict[type, MessageType] = {
    messages.HelloRequest: MessageType.HELLO_REQUEST,
    messages.Hello: MessageType.HELLO,
    messages.Sign: MessageType.SIGN,
    messages.Signed: MessageType.SIGNED,
    messages.Refused: MessageType.REFUSED,
}
_encode = msgspec.msgpack.Encoder().encode
_DECODERS: Mapping[MessageType, Callable[[memoryview], Message]] = {
    kind: msgspec.msgpack.Decoder(cls).decode for cls, kind in _TYPES.items()
}


def encode(batch: Iterable[Message]) -> list[bytes]:
    """Pack messages into as few packets as `MAX_PACKET` allows, in order."""
    packets: list[bytes] = []
    frames: list[tuple[MessageType, bytes]] = []
    size = 0
    for message in batch:
        body = _encode(message)
        if frames and size + len(body) > messages.MAX_PACKET - 512:
            packets.append(messages.pack(frames))
            frames, size = [], 0
        frames.append((_TYPES[type(message)], body))
        size += len(body) + 5
    if frames:
        packets.append(messages.pack(frames))
    return packets


def decode(packet: bytes) -> Iterator[Message]:
    """Give the packet's messages in order.

    Raises FramingError when the packet or a body is not of the protocol.
    """
    for kind, body in messages.unpack(packet):
        try:
            yield _DECODERS[kind](body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise FramingError(f"body of {kind.name} does not decode") from None
