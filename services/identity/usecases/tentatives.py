"""Refusing whoever tries too often."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from kit.errors import Refusal
from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.domain.tentatives import ENTREES, Regle, of_address
from services.identity.usecases.appareils import here, network

MOT_DE_PASSE, CODE = "mot-de-passe", "second-facteur"
"""The secrets that are guessed, as the keys of their counters name them: those of an account, and of its devices."""
_PARIS = ZoneInfo("Europe/Paris")


class TropDEssais(Refusal):
    """Too many tries in too little time; the same for an address without account."""

    code = "TROP_D_ESSAIS"
    quoi: ClassVar[str] = "Trop d'essais ont échoué"

    def __init__(self, jusqu_au: datetime) -> None:
        super().__init__(f"{self.quoi} : recommencez à partir de {_in_paris(jusqu_au)} (heure de Paris).")


class TropDeDemandes(TropDEssais):
    """Too many messages were asked for; the same for an address without account."""

    code = "TROP_DE_DEMANDES"
    quoi = "Trop de demandes ont été faites"


class TropDEnvois(TropDEssais):
    """Too many codes sent in too little time."""

    code = "TROP_D_ENVOIS"
    quoi = "Trop de codes ont été envoyés"


def _in_paris(moment: datetime) -> str:
    local = moment.astimezone(_PARIS)
    return f"{local:%H h %M} le {local:%d/%m/%Y}"


@dataclass(slots=True)
class Essai:
    """A try that is being judged, and the keys it was counted under: of the account, and of where it came from."""

    deps: Deps
    le: datetime
    compte: str
    lieux: Sequence[str]

    async def succeeded(self) -> None:
        """Forgive the account the tries that failed before; the place, this one only: others fail there for others."""
        await self.deps.tentatives.forgive(self.compte)
        for lieu in self.lieux:
            await self.deps.tentatives.give_back(lieu, self.le)


class TropDEssaisDUnCompte(TropDEssais):
    """The account itself is locked, for whoever has no known device; the message is the same."""


async def require_guess(deps: Deps, quoi: str, qui: str, regle: Regle, *, appareil: str | None) -> Essai:
    """Count a guess of the secret `quoi` of `qui`, before it is judged.

    A known device counts apart, and for itself alone: whoever fails from elsewhere keeps nobody out of its own, and who
    fails from the address of a school keeps no known device of that school out.

    Raises:
        TropDEssaisDUnCompte: the account is locked for now.
        TropDEssais: the address, its network or the known device is.
    """
    now = deps.clock()
    if appareil is not None:
        essai = Essai(deps, now, f"{quoi}-appareil/{appareil}", ())
        await _require(deps, essai.compte, regle, now, TropDEssais)
        return essai
    lieux = {f"lieu/{lieu}": of_address(nombre) for lieu, nombre in _places(deps)}
    for lieu, limit in lieux.items():
        await _require(deps, lieu, limit, now, TropDEssais)
    essai = Essai(deps, now, f"{quoi}/{qui}", tuple(lieux))
    await _require(deps, essai.compte, regle, now, TropDEssaisDUnCompte)
    return essai


def _places(deps: Deps) -> list[tuple[str, int]]:
    """The network and the address that the request comes from, and how many tries may fail there."""
    places = ((network(deps), deps.essais_par_reseau), (here(deps), deps.essais_par_adresse))
    return [(lieu, nombre) for lieu, nombre in places if lieu is not None]


async def require_entry(deps: Deps, quoi: str, visite: str) -> None:
    """Count a sign-in that somebody begins by `quoi`, before anything is kept of it; `visite` is the secret of its
    browser's visit. What is refused is written nowhere: anybody's page can ask for it, and for nothing else.

    Raises:
        TropDeDemandes: too many were begun in this visit, or from this address or network as may fail there.
    """
    now = deps.clock()
    for lieu, nombre in _places(deps):
        await _require(deps, f"{quoi}-lieu/{lieu}", of_address(nombre), now, TropDeDemandes)
    await _require(deps, f"{quoi}-visite/{condensat(visite)}", ENTREES, now, TropDeDemandes)


async def _require(deps: Deps, key: str, regle: Regle, now: datetime, refus: type[TropDEssais]) -> None:
    until = await deps.tentatives.take(key, regle, now=now)
    if until is not None:
        raise refus(until)


async def require_try(deps: Deps, key: str, regle: Regle, refus: type[TropDEssais] = TropDEssais) -> None:
    """Count a try, before it is judged.

    Raises:
        TropDEssais: none may be made for now; or `refus`, which says of what.
    """
    await _require(deps, key, regle, deps.clock(), refus)
