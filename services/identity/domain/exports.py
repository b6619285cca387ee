"""Exports of the audit trail: asked for by a mutation, then fetched once at an address of their own. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kit.errors import Refusal
from services.identity.domain.audit import Recherche

VALIDITE = timedelta(minutes=10)
"""« a single-use URL […] valid 10 minutes […] Downloads likewise » (architecture §7)."""
LIGNES = 50_000
"""≈ ours: lines of one file, which a spreadsheet opens in some seconds; longer searches are cut by their dates."""
EN_ATTENTE = 5
"""≈ ours: exports that an account may have asked for and not fetched, as for deposits (ADR 011)."""


class Format(StrEnum):
    """As what the file is written."""

    CSV = "CSV"
    XLSX = "XLSX"


class ExportTropLong(Refusal):
    """More lines were found than a file may have."""

    code = "EXPORT_TROP_LONG"

    def __init__(self) -> None:
        plafond = f"{LIGNES:,}".replace(",", " ")
        super().__init__(
            f"Votre recherche trouve plus de {plafond} lignes : demandez une période plus courte.", champ="depuis"
        )


class TropDExports(Refusal):
    """As many exports as an account may ask for wait to be fetched."""

    code = "TROP_D_EXPORTS"

    def __init__(self) -> None:
        super().__init__(
            f"{EN_ATTENTE} exports vous attendent déjà : téléchargez-les, ou attendez dix minutes qu'ils expirent."
        )


class PeriodeInvalide(Refusal):
    """A moment without offset: nobody knows when it is."""

    code = "PERIODE_INVALIDE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export that was asked for.

    Args:
        id: opaque; whoever knows it can do nothing without the token of `compte` (ADR 011).
        recherche: what is written, up to the moment of the request at the latest.
    """

    id: str
    compte: str
    format: Format
    recherche: Recherche
    demande_le: datetime
    expire_le: datetime


def dated(moment: datetime | None, champ: str) -> datetime | None:
    """A moment that everybody understands alike.

    Raises:
        PeriodeInvalide: it has no offset.
    """
    if moment is not None and moment.tzinfo is None:
        raise PeriodeInvalide(
            "Cette date n'a pas de décalage horaire : écrivez-la comme 2025-07-10T18:00:00+02:00.", champ=champ
        )
    return moment
