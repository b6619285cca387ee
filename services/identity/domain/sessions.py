"""What a sign-in opens: a session in a browser, and in each client a family of tokens (architecture §6). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

DUREE_CODE = timedelta(minutes=1)
"""RFC 6749 §4.1.2 allows ten; a client exchanges its code at once."""
DUREE_DEMANDE = timedelta(minutes=1)
"""For a client to send a browser with the request that it pushed (RFC 9126 §2.2: « relatively short »)."""
DUREE_DEMANDE_OUVERTE = timedelta(minutes=20)
"""≈ ours: once it has, longer than the fifteen minutes that a sign-in may take."""
DUREE_JETON_D_ACCES = timedelta(minutes=10)
DUREE_JETON_DE_DECONNEXION = timedelta(minutes=2)
"""OpenID Connect Back-Channel Logout 1.0 §2.4: « preferably at most two minutes »."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preuve:
    """How a person proved who it is, and when: claims `acr`, `amr`, `auth_time`.

    Args:
        le: when the oldest of these factors was shown.
        appareil: how many factors the known device stood for, where it spared some; 0 where it did not.
    """

    acr: str
    amr: tuple[str, ...]
    le: datetime
    appareil: int = 0

    @property
    def nombre(self) -> int:
        """How many factors were shown."""
        return len(self.amr)

    @property
    def compte_pour(self) -> int:
        """How many factors it stands for in an ordinary act: those shown, or those of the known device."""
        return max(self.nombre, self.appareil)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person signed in, in one browser.

    Args:
        vue_le: when a client last came by it.
    """

    id: str
    compte: str
    preuve: Preuve
    expire_le: datetime
    vue_le: datetime
    fin_le: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        return self.fin_le is None and now < self.expire_le


@dataclass(frozen=True, slots=True, kw_only=True)
class Famille:
    """What one authorization gave one client: refresh tokens that succeed each other, and access tokens.

    Its id is the claim `sid`; `avertir` says that its client wants to be told of its end, and `cle`
    is the thumbprint of the key that its tokens are bound to (RFC 9449). It ends with the browser's
    session, or alone when one of its tokens is used twice: a client that lost an answer then signs in again by
    `prompt=none`, for the browser's session goes on.
    """

    id: str
    session: str
    compte: str
    client: str
    scope: str
    preuve: Preuve
    expire_le: datetime
    fin_le: datetime | None = None
    avertir: bool = False
    cle: str | None = None

    def is_alive(self, now: datetime) -> bool:
        return self.fin_le is None and now < self.expire_le


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEmis:
    """An authorization code as it is kept.

    Args:
        condensat: the hash of its value, which nobody but the client has.
        defi: the PKCE challenge, always S256.
        famille: what it gave, once it is used.
    """

    condensat: str
    session: str
    compte: str
    client: str
    redirect_uri: str
    scope: str
    defi: str
    preuve: Preuve
    expire_le: datetime
    nonce: str | None = None
    famille: str | None = None

    @property
    def used(self) -> bool:
        return self.famille is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class JetonEmis:
    """A refresh token as it is kept: the hash of its value, and its family."""

    condensat: str
    famille: str
    expire_le: datetime
    used: bool = False
