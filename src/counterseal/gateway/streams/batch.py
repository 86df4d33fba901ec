"""What one turn of the loop brings to bots: each message framed once, and joined once for all who get the same."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from counterseal.core.streams.fan import Listened
from counterseal.core.streams.frames import text_frame
from counterseal.gateway.streams.reader import Parcel, Reader

# A message: its stream, the text as it came, and its payload alone.
Message = tuple[Listened[Reader], bytes, msgspec.Raw]


class Batch:
    """The messages of a turn, in the order in which they came. Who listens may change in the midst of it, after it has
    caught up.
    """

    def __init__(self) -> None:
        self._messages: list[Message] = []
        # Where each stream's messages are among all of them, and up to where a bot has had what is meant for it.
        self._places: dict[Listened[Reader], list[int]] = {}
        self._had: dict[Reader, int] = {}

    def add(self, stream: Listened[Reader], text: bytes, data: msgspec.Raw) -> None:
        """Take a message for all who listen to a stream now."""
        places = self._places.get(stream)
        if places is None:
            places = self._places[stream] = []
        places.append(len(self._messages))
        self._messages.append((stream, text, data))

    def catch_up(self, reader: Reader) -> None:
        """Put what is meant for a bot so far: what happens to it next comes behind that."""
        begin, end = self._had.get(reader, 0), len(self._messages)
        if begin < end:
            self._had[reader] = end
            for stream, text, data in self._messages[begin:]:
                if reader in stream.members:
                    frame = text_frame(text if reader.is_combined else bytes(data))
                    reader.put(frame, stream.name if stream.newest_only else None)

    def flush(self) -> None:
        """Deliver everything. Nobody begins or ends to listen meanwhile."""
        messages, places, had = self._messages, self._places, self._had
        self._messages, self._places, self._had = [], {}, {}
        shares: defaultdict[Reader, list[int]] = defaultdict(list)
        for number, stream in enumerate(places):
            for reader in stream.members:
                shares[reader].append(number)
        packings: dict[bool, Packing] = {}
        for reader, numbers in shares.items():
            packing = packings.get(reader.is_combined)
            if packing is None:
                packing = Packing(messages, list(places.values()), is_combined=reader.is_combined)
                packings[reader.is_combined] = packing
            parcel = packing.rest(numbers, had[reader]) if reader in had else packing.shared(numbers)
            if parcel.places:
                reader.deliver(parcel)


class Packing:
    """Puts parcels of one form together from a turn's messages. Streams are meant by their number in `places`."""

    def __init__(self, messages: Sequence[Message], places: Sequence[list[int]], *, is_combined: bool) -> None:
        self._frames = [text_frame(text if is_combined else bytes(data)) for _, text, data in messages]
        self._keys = [stream.name if stream.newest_only else None for stream, _, _ in messages]
        self._places = places
        self._shared: dict[tuple[int, ...], Parcel] = {}

    def shared(self, numbers: Sequence[int]) -> Parcel:
        """Give what all get who listen to these streams."""
        key = tuple(numbers)
        parcel = self._shared.get(key)
        if parcel is None:
            parcel = self._shared[key] = self.rest(numbers, 0)
        return parcel

    def rest(self, numbers: Sequence[int], begin: int) -> Parcel:
        """Put the messages of these streams together, from a place on."""
        places: list[int] = []
        for number in numbers:
            places += self._places[number]
        if len(numbers) > 1:
            places.sort()
        if begin:
            places = [place for place in places if place >= begin]
        frames = self._frames
        data = frames[places[0]] if len(places) == 1 else b"".join([frames[place] for place in places])
        return Parcel(data, places, frames, self._keys)
