"""What a person signed in shows before something new counts: a code of it, or a gesture."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.tentatives import SECONDS_FACTEURS
from services.identity.store.epreuves import Genre, key
from services.identity.usecases.appareils import known_device
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.tentatives import CODE, require_guess


class CodeInexact(Refusal):
    """Not the code that is awaited, or no more."""

    code = "CODE_INEXACT"

    def __init__(self) -> None:
        super().__init__(
            "Ce code ne convient pas ou ne convient plus : saisissez le dernier, ou demandez-en un autre.", champ="code"
        )


@asynccontextmanager
async def judged(deps: Deps, connecte: Connecte) -> AsyncIterator[None]:
    """A code of this person is judged within: counted as the codes of a sign-in are, apart for a known device.

    Raises:
        TropDEssais: too many were tried.
    """
    compte = connecte.compte
    appareil = await known_device(deps, connecte.navigateur, compte.id)
    essai = await require_guess(deps, CODE, compte.id, SECONDS_FACTEURS, appareil=appareil)
    yield
    await essai.succeeded()


def purpose(genre: Genre, connecte: Connecte) -> str:
    """What the value of a trial of this session is sealed for."""
    return f"epreuve/{key(genre, connecte.session.id)}"


def same(expected: str | None, given: str) -> bool:
    """Whether the fingerprint is the one awaited."""
    return expected is not None and hmac.compare_digest(expected, given)


def digits(code: str) -> str:
    """The code as typed, without the blanks that people and applications put in it."""
    return "".join(code.split())[:16]
