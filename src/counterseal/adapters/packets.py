"""Bodies of the signer protocol as MessagePack arrays, frames by `core.messages`."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from counterseal.core import messages
from counterseal.core.messages import FRAME_HEAD, MAX_PACKET, FramingError, Message, MessageType

_TYPES: dict[type, MessageType] = {
    messages.HelloRequest: MessageType.HELLO_REQUEST,
    messages.Hello: MessageType.HELLO,
    messages.Sign: MessageType.SIGN,
    messages.Signed: MessageType.SIGNED,
    messages.Refused: MessageType.REFUSED,
    messages.SignCheckpoint: MessageType.SIGN_CHECKPOINT,
    messages.CheckpointSigned: MessageType.CHECKPOINT_SIGNED,
    messages.LastCheckpoint: MessageType.LAST_CHECKPOINT,
}
_encode = msgspec.msgpack.Encoder().encode
_DECODERS: Mapping[MessageType, Callable[[bytes], Message]] = {
    kind: msgspec.msgpack.Decoder(cls).decode for cls, kind in _TYPES.items()
}


def encode(batch: Iterable[Message]) -> list[bytes]:
    """Pack messages into as few packets of at most `MAX_PACKET` bytes as they fill, in order.

    A message that is longer by itself gets a packet of its own, which the signer refuses as too long.
    """
    packets: list[bytes] = []
    frames: list[tuple[MessageType, bytes]] = []
    size = 1
    for message in batch:
        body = _encode(message)
        size += len(body) + FRAME_HEAD
        if size > MAX_PACKET and frames:
            packets.append(messages.pack(frames))
            frames, size = [], 1 + len(body) + FRAME_HEAD
        frames.append((_TYPES[type(message)], body))
    if frames:
        packets.append(messages.pack(frames))
    return packets


def decode(packet: bytes) -> list[Message]:
    """Give the packet's messages in order.

    Raises FramingError when the packet or a body is not of the protocol.
    """
    try:
        return [_DECODERS[kind](body) for kind, body in messages.unpack(packet)]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise FramingError("a body does not decode") from None
