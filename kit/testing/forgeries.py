"""Tokens that anybody can write: any JSON or bytes as header and payload, under a key id that everybody can read."""

import base64
import json
from typing import Any

from hypothesis import strategies as st

_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=4), parts, max_size=3),
    max_leaves=5,
)
_NAMES = st.sampled_from(["crit", "b64", "typ", "jku", "jwk", "x5c", "autre"])
_CRITICAL = st.lists(st.sampled_from(["alg", "b64", "autre", 5, None, ["alg"]]), max_size=2)
_FIELDS = st.dictionaries(_NAMES, _JSON | _CRITICAL, min_size=1, max_size=2)


def forged_tokens(kid: str) -> st.SearchStrategy[str]:
    """Such tokens; half of them look as if the key `kid` had signed them."""
    plausible = _FIELDS.map(lambda fields: _write({"alg": "ES256", "kid": kid, **fields}))
    nested = st.integers(0, 600).map(lambda depth: b"[" * depth)
    anything = _JSON.map(_write) | _FIELDS.map(_write) | nested | st.binary()
    header = st.booleans().flatmap(lambda wellformed: plausible if wellformed else anything)
    return st.tuples(header, _JSON.map(_write), st.binary(max_size=64)).map(
        lambda parts: ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    )


def _write(value: object) -> bytes:
    return json.dumps(value).encode()
