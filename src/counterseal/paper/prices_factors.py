"""How assets move together: a factor model over seeded value noise, in whole numbers.

Each asset's value against the dollar follows a market factor, an altcoin factor and its own noise, by the loadings of
the table below, plus jumps.  A pair is the ratio of its two assets, so ETHBTC always agrees with ETHUSDT and BTCUSDT.
Everything is a pure function of seed and step: the same seed gives the same market at the same instant, whatever was
asked before.  Values are parts per billion (ppb) around the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

# (period in steps, amplitude in parts per million): small steps, slow swings
OCTAVES = ((1, 8), (8, 40), (64, 150), (512, 600), (4096, 2000), (32768, 5000))
UNIT = 1 << 16
PPB = 1_000_000_000
DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "TUSD", "USD1", "DAI"})

# Per mille of the market factor, the altcoin factor and the asset's own noise.  Squares of one row add up to the square
# of the asset's volatility relative to Bitcoin's; the product of two rows is the covariance of the two assets.
LOADINGS: dict[str, tuple[int, int, int]] = {
    "BTC": (950, 0, 310), "ETH": (1000, 420, 330), "BNB": (760, 260, 450), "SOL": (1050, 620, 520),
    "XRP": (850, 560, 640), "ADA": (900, 720, 480), "DOGE": (950, 700, 620), "LTC": (800, 480, 480),
}  # fmt: skip
DOLLAR_LOADING = (0, 0, 10)

JUMP_BLOCK = 7200  # steps in which at most one jump begins: an hour of half seconds
JUMP_BLOCKS_FELT = 4  # a jump decays to nothing over so many blocks
MARKET_JUMP = (12, 3_000_000, 12_000_000)  # one block in so many, least and most size in ppb
ASSET_JUMP = (24, 4_000_000, 15_000_000)


@lru_cache(maxsize=1 << 18)
def noise(seed: bytes, octave: int, index: int) -> int:
    """A number in [-UNIT, UNIT), fixed by its arguments."""
    text = b"%d:%d" % (octave, index)
    return int.from_bytes(blake2b(text, digest_size=4, key=seed).digest(), "big") % (2 * UNIT) - UNIT


@lru_cache(maxsize=1 << 14)
def swing(seed: bytes, step: int) -> int:
    """One factor's level at a step in ppb: value noise of all octaves."""
    level = 0
    for octave, (period, amplitude) in enumerate(OCTAVES):
        left, offset = divmod(step, period)
        here = noise(seed, octave, left)
        if offset:
            there = noise(seed, octave, left + 1)
            here = (here * (period - offset) + there * offset) // period
        level += here * amplitude
    return level * 1000 // UNIT


@lru_cache(maxsize=1 << 14)
def jumps(seed: bytes, step: int, shape: tuple[int, int, int]) -> int:
    """What the jumps of the last blocks still weigh at a step, in ppb."""
    return sum(_jump(seed, step, step // JUMP_BLOCK - back, shape) for back in range(JUMP_BLOCKS_FELT + 1))


def _jump(seed: bytes, step: int, block: int, shape: tuple[int, int, int]) -> int:
    one_in, least, most = shape
    drawn = noise(seed, 200, block) + UNIT
    if drawn % one_in:
        return 0
    age = step - block * JUMP_BLOCK - (noise(seed, 201, block) + UNIT) * JUMP_BLOCK // (2 * UNIT)
    life = JUMP_BLOCK * JUMP_BLOCKS_FELT
    if not 0 <= age < life:
        return 0
    sized = noise(seed, 202, block)
    size = least + (most - least) * abs(sized) // UNIT
    return (size if sized >= 0 else -size) * (life - age) // life


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset of one seeded world."""

    name: str
    market: bytes
    alts: bytes
    own: bytes
    loading: tuple[int, int, int]
    volatility: int  # per cent of the usual
    jumps: int  # per cent of the usual size

    def moved(self, step: int) -> int:
        """How far the asset is from its start at a step, in ppb."""
        if not self.volatility:
            return 0
        market, alts, own = self.loading
        level = swing(self.own, step) * own
        if market:
            level += swing(self.market, step) * market + swing(self.alts, step) * alts
            level += self._jumped(step, market)
        return level * self.volatility // 100_000

    def _jumped(self, step: int, market: int) -> int:
        if not self.jumps:
            return 0
        felt = jumps(self.market, step, MARKET_JUMP) * market + jumps(self.own, step, ASSET_JUMP) * 1000
        return felt * self.jumps // 100


def asset(seed: int, name: str, volatility: int = 100, jump_size: int = 100) -> Asset:
    """The asset of that name in the world of that seed; assets that the table lacks get loadings by their name."""
    own = _key(f"{seed}:asset:{name}")
    loading = DOLLAR_LOADING if name in DOLLARS else LOADINGS.get(name) or _drawn_loading(own)
    return Asset(name, _key(f"{seed}:market"), _key(f"{seed}:alts"), own, loading, volatility, jump_size)


def _key(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _drawn_loading(own: bytes) -> tuple[int, int, int]:
    market, alts, alone = (noise(own, 300 + index, 0) + UNIT for index in range(3))
    return 600 + market % 400, 400 + alts % 400, 500 + alone % 300


def correlation(one: str, other: str) -> float:
    """Correlation of two assets' small moves by the loadings, for the documentation and its test."""
    if one == other:
        return 1.0
    first, second = asset(0, one).loading, asset(0, other).loading
    shared = first[0] * second[0] + first[1] * second[1]
    size = sum(part * part for part in first) * sum(part * part for part in second)
    return float(shared / size**0.5)
