"""Whether a passphrase is one that a program would guess first. No measure of strength: only what is surely weak."""

MIN_CHARACTERS, MAX_BYTES = 12, 1024
MIN_DISTINCT, MIN_BESIDE_WORDS = 6, 8
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "1234567890")
_NEIGHBOURS = frozenset(
    step for row in _ROWS for at in range(len(row) - 1) for step in (row[at : at + 2], row[at : at + 2][::-1])
)
_LOOKALIKE = str.maketrans("0134578@$!|", "oleastbasil")
# What lists of passwords begin with, and what stands to reason here. Longer ones first, so that whole words go.
_WORDS = (
    *("administrator", "counterseal", "passphrase", "password", "passwort", "ethereum", "exchange", "football"),
    *("baseball", "superman", "princess", "sunshine", "whatever", "changeme", "iloveyou", "binance", "bitcoin"),
    *("trading", "letmein", "welcome", "default", "gateway", "correct", "battery", "crypto", "trader", "passwd"),
    *("qwerty", "azerty", "secret", "master", "monkey", "dragon", "batman", "staple", "please", "signer", "admin"),
    *("login", "hello", "horse", "vault", "root", "user", "test", "safe", "key"),
)


def weakness(text: str) -> str | None:
    """Give what is wrong with a new passphrase as a sentence that does not show it; None when nothing obvious is."""
    if len(text) < MIN_CHARACTERS:
        return f"the passphrase must have at least {MIN_CHARACTERS} characters; five words that have no link are good"
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return f"the passphrase must have at most {MAX_BYTES} bytes"
    if text != text.strip() or not text.isprintable():
        return "the passphrase must not begin or end with a space, nor hold a character that cannot be typed"
    plain = text.lower()
    if len(set(plain)) < MIN_DISTINCT or _repeats(plain):
        return "the passphrase repeats itself; choose one that does not"
    if _runs(plain):
        return "the passphrase runs along the keyboard, the alphabet or the digits; choose one that does not"
    if _is_known(plain):
        return "the passphrase is made of a word that is tried first; choose one that is not"
    return None


def _repeats(text: str) -> bool:
    """Whether it is one piece several times, the last time perhaps cut short."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, len(text) // 2 + 1))


def _runs(text: str) -> bool:
    """Whether three of four steps go to the same character or a neighbour."""
    steps = [text[at : at + 2] for at in range(len(text) - 1)]
    near = sum(1 for step in steps if step in _NEIGHBOURS or abs(ord(step[0]) - ord(step[1])) <= 1)
    return near * 4 >= len(steps) * 3


def _is_known(text: str) -> bool:
    """Whether little is left beside well-known words, written as they are or with look-alikes."""
    return any(_beside(form) != form and len(_beside(form)) < MIN_BESIDE_WORDS
               for form in (text, text.translate(_LOOKALIKE)))  # fmt: skip


def _beside(text: str) -> str:
    for word in _WORDS:
        text = text.replace(word, "")
    return text
