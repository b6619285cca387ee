"""Refusing whoever tries too often."""

from datetime import datetime
from zoneinfo import ZoneInfo

from kit.errors import Refusal
from services.identity.deps import Deps
from services.identity.domain.tentatives import Regle

_PARIS = ZoneInfo("Europe/Paris")


class TropDEssais(Refusal):
    """Too many tries in too little time; the same for an address without account."""

    code = "TROP_D_ESSAIS"

    def __init__(self, jusqu_au: datetime) -> None:
        local = jusqu_au.astimezone(_PARIS)
        super().__init__(
            f"Trop d'essais ont échoué : recommencez à partir de {local:%H h %M} le {local:%d/%m/%Y} (heure de Paris)."
        )


async def require_try(deps: Deps, key: str, regle: Regle) -> None:
    """Count a try, before it is judged.

    Raises:
        TropDEssais: none may be made for now.
    """
    until = await deps.tentatives.take(key, regle, now=deps.clock())
    if until is not None:
        raise TropDEssais(until)
