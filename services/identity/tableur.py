"""The audit trail as a table that people open: csv and xlsx."""

import asyncio
import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import IO
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from services.identity.domain.audit import Acte, Issue
from services.identity.usecases.audit import LigneLue

_PARIS = ZoneInfo("Europe/Paris")
COLONNES = (
    "Date (heure de Paris)",
    "Acte",
    "Issue",
    "Motif du refus",
    "Compte qui agit",
    "Compte concerné",
    "Établissements",
    "Académies",
    "Précisions",
    "Adresse IP",
    "Ligne",
)
_ACTES: dict[str, str] = {
    Acte.CONNEXION: "Connexion",
    Acte.DECONNEXION: "Déconnexion",
    Acte.JETON_REUTILISE: "Jeton utilisé deux fois",
    Acte.MACHINE_CONNECTEE: "Machine connectée",
    Acte.CLE_DE_SIGNATURE_CHANGEE: "Clé de signature changée",
    Acte.COMPTE_CREE: "Compte créé",
    Acte.COMPTE_ACTIVE: "Compte activé",
    Acte.COMPTE_DESACTIVE: "Compte désactivé",
    Acte.COMPTE_REACTIVE: "Compte réactivé",
    Acte.COMPTE_SIGNALE_INACTIF: "Compte signalé comme inutilisé",
    Acte.COMPTE_SUPPRIME: "Compte supprimé",
    Acte.COMPTE_VERROUILLE: "Compte verrouillé",
    Acte.COMPTE_DEVERROUILLE: "Compte déverrouillé",
    Acte.COMPTE_DECONNECTE: "Compte déconnecté par l'échelon supérieur",
    Acte.INVITATION_ENVOYEE: "Invitation envoyée",
    Acte.LISTE_DEPOSEE: "Liste de personnes à inviter envoyée",
    Acte.MOT_DE_PASSE_OUBLIE: "Mot de passe oublié",
    Acte.MOT_DE_PASSE_CHOISI: "Mot de passe choisi",
    Acte.COURRIEL_DEMANDE: "Nouvelle adresse demandée",
    Acte.COURRIEL_ABANDONNE: "Nouvelle adresse abandonnée",
    Acte.COURRIEL_CHANGE: "Adresse électronique changée",
    Acte.MOBILE_DEMANDE: "Nouveau numéro de portable demandé",
    Acte.MOBILE_CHANGE: "Numéro de portable changé",
    Acte.APPLICATION_ENROLEE: "Application d'authentification enrôlée",
    Acte.APPLICATION_RETIREE: "Application d'authentification retirée",
    Acte.CLE_ENROLEE: "Clé d'accès enrôlée",
    Acte.CLE_RENOMMEE: "Clé d'accès renommée",
    Acte.CLE_RETIREE: "Clé d'accès retirée",
    Acte.FACTEURS_REINITIALISES: "Facteurs réinitialisés",
    Acte.CODES_DE_SECOURS_CREES: "Codes de secours créés",
    Acte.IDENTITE_LIEE: "Identité de l'employeur liée",
    Acte.IDENTITE_DELIEE: "Identité de l'employeur déliée",
    Acte.ROLE_DONNE: "Rôle donné",
    Acte.ROLE_RETIRE: "Rôle retiré",
    Acte.DROIT_DONNE: "Droit donné",
    Acte.DROIT_RETIRE: "Droit retiré",
    Acte.PROFIL_DONNE: "Profil donné",
    Acte.DROITS_COPIES: "Droits copiés d'un collègue",
    Acte.DROITS_MODIFIES: "Droits modifiés",
    Acte.RESTAURATION: "Base restaurée d'une sauvegarde",
    Acte.AUDIT_LU: "Journal lu",
    Acte.AUDIT_EXPORTE: "Journal exporté",
}
_ISSUES = {Issue.FAITE: "Faite", Issue.REFUSEE: "Refusée"}
_FORMULES = ("=", "+", "-", "@", "\t", "\r")


def _cells(lue: LigneLue) -> Sequence[str]:
    ligne = lue.ligne
    return (
        f"{ligne.le.astimezone(_PARIS):%Y-%m-%d %H:%M:%S}",
        _ACTES.get(ligne.acte, ligne.acte),
        _ISSUES[ligne.issue],
        ligne.motif or "",
        ligne.acteur or "",
        ligne.cible or "",
        " ".join(sorted(lue.lieux.uais)),
        " ".join(sorted(lue.lieux.academies)),
        " ; ".join(f"{name} : {value}" for name, value in ligne.detail.items()),
        lue.adresse or "",
        ligne.id,
    )


_TOGETHER = 200
"""Lines that are written at once, beside the loop that answers requests."""


async def write_csv(lignes: AsyncIterable[LigneLue], file: IO[bytes]) -> int:
    """Write the lines as French spreadsheets open them (UTF-8 with its mark, semicolons); return how many."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    try:
        writer, count = csv.writer(text, delimiter=";"), 0
        writer.writerow(COLONNES)
        async for some in _batches(lignes):
            # A cell that begins so would be computed by the spreadsheet.
            rows = [[f"'{cell}" if cell.startswith(_FORMULES) else cell for cell in _cells(lue)] for lue in some]
            await asyncio.to_thread(writer.writerows, rows)
            count += len(rows)
        return count
    finally:
        text.detach()


async def write_xlsx(lignes: AsyncIterable[LigneLue], file: IO[bytes]) -> int:
    """Write the lines as a workbook of texts, where nothing is computed; return how many."""
    workbook, count = Workbook(write_only=True), 0
    sheet = workbook.create_sheet("Journal d'audit")
    sheet.freeze_panes = "A2"
    sheet.append(COLONNES)

    def append(some: Sequence[LigneLue]) -> None:
        for lue in some:
            row = [WriteOnlyCell(sheet, value=cell) for cell in _cells(lue)]
            for cell in row:
                cell.data_type = "s"
            sheet.append(row)

    try:
        async for some in _batches(lignes):
            await asyncio.to_thread(append, some)
            count += len(some)
    finally:
        # Whatever happened: it also removes the file in which the sheet was gathered.
        await asyncio.to_thread(workbook.save, file)
    return count


async def _batches(lignes: AsyncIterable[LigneLue]) -> AsyncIterator[Sequence[LigneLue]]:
    some: list[LigneLue] = []
    async for lue in lignes:
        some.append(lue)
        if len(some) == _TOGETHER:
            yield some
            some = []
    if some:
        yield some


WRITERS = {"csv": write_csv, "xlsx": write_xlsx}
