"""What real clients say to the WebSocket API is understood: every captured frame, as it was signed."""

import json
from collections import Counter

from tests.captures.rig import credentials
from tests.captures.rows import CAPTURES

from counterseal.adapters.catalogue_data import load_catalogue
from counterseal.adapters.signatures import SignatureVerifier
from counterseal.core.judge import Denial, judge
from counterseal.core.wsapi import frames, methods
from counterseal.core.wsapi.call import Call, call_of

FORMS = {
    "sorted raw (spec)": "ws_raw",
    "sorted form-urlencoded": "ws_form",
    "sorted encodeURIComponent": "ws_encode_uri_component",
}
FAMILIES = {"/ws-api/v3": "spot", "/ws-api/v3/ws-api/v3": "spot", "/ws-fapi/v1": "usdm"}


def _form(call: Call) -> str | None:
    """In which spelling the signature holds; None without one."""
    credential, verifier = credentials()[call.key_id or ""], SignatureVerifier()
    spelled = [("ws_raw", call.payload), *call.other_payloads()]
    return next((name for name, payload in spelled if verifier.verify(credential, payload, call.signature)), None)


def test_every_captured_frame_is_understood() -> None:
    """Three kinds of keys: read, known, signed as it was, and every order is judged to be one."""
    seen: Counter[str] = Counter()
    for line in (CAPTURES / "ws_frames.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        family = FAMILIES.get(raw["path"].partition("?")[0])
        if family is None:
            continue
        frame = frames.read(raw["frame"] if isinstance(raw["frame"], str) else json.dumps(raw["frame"]))
        method = methods.find(family, frame.method)
        assert method is not None, frame.method
        known = methods.catalogue() if method.ends_here else load_catalogue()
        endpoint = known.get(family, method.verb, method.path)
        assert endpoint is not None
        call = call_of(endpoint, frame, "VED")
        form = "session" if call.is_of_session else _form(call)
        assert form == (FORMS[raw["verifies_as"]] if raw.get("verifies_as") else "session"), line
        judged = judge(endpoint, call.pairs, lambda: "made")
        assert not isinstance(judged, Denial), (judged, line)
        assert judged.places is (method.name == "order.place")
        seen[form] += 1
    assert seen == {"ws_raw": 36, "session": 8, "ws_form": 6, "ws_encode_uri_component": 4}
