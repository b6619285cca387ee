"""How the gateway vouches, to a subgraph, that a token bound to a key came from whoever has that key."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_ALGORITHM = "ES256"
_CALLER = "gateway"
_LIFETIME_SECONDS = 60
_RENEWED_SECONDS = 30


class KeyRefused(Exception):
    """The file that the setting names holds no key that could sign."""


@dataclass(slots=True)
class ServiceTokens:
    """Tokens of one minute, each for one subgraph, signed by the gateway's own key; remembered for half of that."""

    key: ECKey
    _held: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Those that the private key in `path` (PEM) signs.

        Raises:
            KeyRefused: there is none.
        """
        try:
            key = ECKey.import_key(path.read_bytes())
        except OSError as error:
            raise KeyRefused(f"{path} cannot be read: {error.strerror}") from error
        except (JoseError, ValueError) as error:
            raise KeyRefused(f"{path} does not hold a private key") from error
        if not key.is_private or key.curve_name != "P-256":
            raise KeyRefused(f"{path} does not hold a private ES256 key")
        return cls(key)

    def headers(self, subgraph: str, authorization: str | None) -> Mapping[str, str]:
        """What a request to `subgraph` says beside the `authorization` of its sender."""
        if authorization is None or not is_bound(authorization):
            return {}
        now = time.time()
        until, token = self._held.get(subgraph, (0.0, ""))
        if until <= now:
            claims = {"iss": _CALLER, "aud": subgraph, "iat": int(now), "exp": int(now) + _LIFETIME_SECONDS}
            token = jwt.encode({"alg": _ALGORITHM, "typ": "service+jwt"}, claims, self.key, algorithms=[_ALGORITHM])
            self._held[subgraph] = (now + _RENEWED_SECONDS, token)
        return {"service-token": token}


def is_bound(authorization: str) -> bool:
    """Whether an `Authorization` header says that its token is bound to a key."""
    return authorization.partition(" ")[0].lower() == "dpop"
