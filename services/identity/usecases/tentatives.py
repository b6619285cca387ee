"""Refusing whoever tries too often."""

from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.tentatives import Regle

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


async def require_try(deps: Deps, key: str, regle: Regle, refus: type[TropDEssais] = TropDEssais) -> None:
    """Count a try, before it is judged.

    Raises:
        TropDEssais: none may be made for now; or `refus`, which says of what.
    """
    until = await deps.tentatives.take(key, regle, now=deps.clock())
    if until is not None:
        raise refus(until)
