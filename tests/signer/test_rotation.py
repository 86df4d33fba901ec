"""A version that is not active yet signs reads and nothing else; caps hold for a key in all its versions."""

from decimal import Decimal

import pytest
from tests.signer.desks import NOW_MS, SECRET, TABLE, ask, good

from counterseal.adapters import age_box, key_file, signing
from counterseal.adapters.home import Home
from counterseal.core.caps import Caps
from counterseal.core.messages import HeldKey, Refused, Signed
from counterseal.core.rotation import READS_ONLY, Stage
from counterseal.core.secret import Secret
from counterseal.core.userdata.subscription import PLACE
from counterseal.signer.caps import CapsJudge
from counterseal.signer.desk import Desk, HeldSigningKey
from counterseal.signer.opener import _opened
from counterseal.signer.table import Act

READ = {"method": "GET", "path": "/api/v3/account", "pairs": ()}
SUBSCRIBE = {"family": PLACE[0], "method": PLACE[1], "path": PLACE[2], "pairs": (), "offset_ms": 0}


def desk_of(caps: dict[str, Caps] | None = None, **stages: Stage) -> Desk:
    keys = {
        ref: HeldSigningKey(
            HeldKey(ref, f"api-{ref}", "hmac", "paper", stage.value), signing.load("hmac", Secret(SECRET))
        )
        for ref, stage in ((name.replace("_", "."), stage) for name, stage in stages.items())
    }
    return Desk(TABLE, keys, "incarnation", lambda: NOW_MS, None if caps is None else CapsJudge(caps, lambda: 0))


@pytest.mark.parametrize("stage", sorted(READS_ONLY))
def test_what_is_not_active_yet_signs_no_change(stage: Stage) -> None:
    """Of the signer's whole table only what reads; a subscription, whose payload would do for a logon, neither."""
    desk, refused, signed = desk_of(main=Stage.ACTIVE, main_2=stage), 0, 0
    for number, ((family, method, path), entry) in enumerate(TABLE.items()):
        asked = good(id=number, key_ref="main.2", family=family, method=method, path=path, pairs=())
        (answer,) = ask(desk, asked)
        if entry.act is Act.READ and not entry.logs_on:
            assert isinstance(answer, Signed), path
            signed += 1
        else:
            assert answer == Refused(number, "reads_only"), path
            refused += 1
    assert refused > 30 and signed > 100


def test_the_active_one_and_the_one_before_sign_whatever_they_did() -> None:
    desk = desk_of(main=Stage.DRAINING, main_2=Stage.ACTIVE)
    asked = [
        good(id=1),
        good(id=2, key_ref="main.2"),
        good(id=3, **SUBSCRIBE),
        good(id=4, key_ref="main.2", **SUBSCRIBE),
    ]
    assert all(isinstance(answer, Signed) for answer in ask(desk, *asked))
    assert ask(desk, good(id=5, key_ref="main.3")) == [Refused(5, "unknown_key")]


def test_the_versions_of_a_key_share_its_caps() -> None:
    """What one has spent of a rate is spent for the next; another key has its own."""
    caps = {"main": Caps(max_quantity={"*": Decimal(5)}, max_per_minute=3)}
    desk = desk_of(caps, main=Stage.DRAINING, main_2=Stage.ACTIVE, other=Stage.ACTIVE)
    big = (("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "MARKET"), ("quantity", "6"))
    assert ask(desk, good(id=1, key_ref="main.2", pairs=big)) == [Refused(1, "over_quantity_cap")]
    asked = [good(id=2), good(id=3, key_ref="main.2"), good(id=4), good(id=5, key_ref="main.2"), good(id=6)]
    signed = [isinstance(answer, Signed) for answer in ask(desk, *asked)]
    assert signed == [True, True, True, False, False]
    assert isinstance(ask(desk, good(id=7, key_ref="other"))[0], Signed)


def test_a_damaged_version_that_is_not_active_yet_keeps_no_other_from_the_signer(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = key_file.read(home)
    bad = key_file.StoredKey("main.2", "ed25519", "api-2", Secret(b"no key"), "paper", 1, 0, Stage.PENDING.value)
    spare = key_file.StoredKey("main.3", "ed25519", "api-3", Secret(b"no key"), "paper", 1, 0, Stage.SPARE.value)
    key_file.write(home, {**keys, "main.2": bad, "main.3": spare})
    held = b"".join(_opened(home, age_box.identity_secret(home, "signer")))
    assert b'"main"' in held and b'"main.2"' not in held and b'"main.3"' not in held
    assert "main.2 is damaged and left out" in capsys.readouterr().err
