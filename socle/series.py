"""The séries of terminale, and how a *module élémentaire de formation* (MEF) tells them (domaine.md §5.1)."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Serie(StrEnum):
    """A série of terminale. The former S, ES and L are GENERALE."""

    GENERALE = "GENERALE"
    STMG = "STMG"
    STI2D = "STI2D"
    ST2S = "ST2S"
    STL = "STL"
    STAV = "STAV"
    STD2A = "STD2A"
    STHR = "STHR"
    S2TMD = "S2TMD"
    PRO = "PRO"


@dataclass(frozen=True, slots=True)
class NiveauMef:
    """What a MEF leads to.

    Args:
        terminale: whether its students are in the last year before the baccalauréat.
        serie: None out of terminale, and for a terminale of no known série (the brevets de technicien, or a MEF newer
            than the table below).
    """

    terminale: bool
    serie: Serie | None = None


AUTRE_NIVEAU = NiveauMef(terminale=False)

# A MEF is written dispositif (3), speciality (5: NSF group 3 + rank 2), duration (1), year (1), variant (1: `2` is a
# European section, …). A MEFSTAT is written level (4), voie (1), série letter (1), speciality (5).
# Sources: the ministry's Nomenclature.xml (SIECLE export: MEF, MEFSTAT, label of 68 modules), the nomenclature of the
# livret scolaire (2016: MEF and séries), the public table of professional MEF (rentrée 2024). ≈ marks assumed ones.

_TERMINALE_GENERALE = "202"
_TERMINALE_TECHNO = "212"
_TERMINALE_BT = "222"
_BAC_PRO = ("247", "276")
"""Bac pro in three years, of the education ministry and of the agriculture one: year 3 is the terminale."""
_NIVEAU_GT = "2213"
"""MEFSTAT level of all terminales that are not professional, brevets de technicien included."""
_NIVEAU_PRO = "2383"
_VOIES = {"1": _TERMINALE_GENERALE, "2": _TERMINALE_TECHNO, "3": _TERMINALE_BT}
_AUTRES_DISPOSITIFS = frozenset(
    # Second cycle, before terminale or beside it: 2de and 1re (GT, techno, BT), CAP, BMA, MC, CS, CAPa.
    ["200", "201", "210", "211", "221", "240", "241", "242", "250", "251", "253", "257", "258", "271"]
)
_AUTRES_CYCLES = frozenset("13479")
"""First digit of what is no second cycle: collège, higher education, other formations."""

_SERIE_DE_SPECIALITE = {
    # By NSF group, where one série alone holds it.
    "133": Serie.S2TMD,  # ≈ music and performing arts
    "134": Serie.STD2A,  # 21213403110
    "210": Serie.STAV,  # ≈ agronomy; the agriculture ministry's own
    "299": Serie.STL,  # 21229902110
    "310": Serie.STMG,  # 21231017110 … 21231020110
    "331": Serie.ST2S,  # 21233104110
    "334": Serie.STHR,  # ≈ the seconde is 21033401110
    "399": Serie.STMG,  # 21239903110
    # By group and rank: two séries share group 200.
    "20003": Serie.STI2D,
    "20004": Serie.STI2D,
    "20005": Serie.STI2D,
    "20006": Serie.STI2D,
    "20007": Serie.STL,
    "20008": Serie.STL,
}
_SERIE_DE_LETTRE = {
    # Sixth character of the MEFSTAT, voie technologique.
    "1": Serie.STHR,  # 22112133401, the seconde
    "2": Serie.STMG,  # 22132231017
    "3": Serie.STL,  # 22132320007
    "4": Serie.ST2S,  # 22132433104
    "B": Serie.STD2A,  # 22122B13403, the première
}
_SERIE_DANS_LIBELLE = re.compile(r"(?<![A-Z])T?(STMG|STI2D|ST2S|STL|STAV|STD2A|STHR|S2TMD)(?![A-Z0-9])")


def read_mef(mef: str, *, mefstat: str = "", libelle: str = "") -> NiveauMef | None:
    """What the MEF leads to; None when nothing tells its level.

    Args:
        mef: eleven characters.
        mefstat: its statistical code, as the school's own nomenclature gives it; it knows MEF newer than this table.
        libelle: its label there, the last resort for the série of a terminale technologique.
    """
    dispositif = _dispositif_of_mefstat(mefstat) if mefstat else _dispositif_of_mef(mef)
    match dispositif:
        case None:
            return None
        case "":
            return AUTRE_NIVEAU
        case d if d == _TERMINALE_GENERALE:
            return NiveauMef(terminale=True, serie=Serie.GENERALE)
        case d if d in _BAC_PRO:
            return NiveauMef(terminale=True, serie=Serie.PRO)
        case d if d == _TERMINALE_TECHNO:
            return NiveauMef(terminale=True, serie=_serie_technologique(mef, mefstat, libelle))
        case _:
            return NiveauMef(terminale=True)


def _dispositif_of_mef(mef: str) -> str | None:
    """The dispositif of a terminale; empty for another level; None when unknown."""
    dispositif, year = mef[:3], mef[9:10]
    if dispositif in {_TERMINALE_GENERALE, _TERMINALE_TECHNO, _TERMINALE_BT}:
        return dispositif
    if dispositif in _BAC_PRO:
        return dispositif if year == "3" else ""
    return "" if dispositif in _AUTRES_DISPOSITIFS or mef[:1] in _AUTRES_CYCLES else None


def _dispositif_of_mefstat(mefstat: str) -> str | None:
    if mefstat.startswith(_NIVEAU_PRO):
        return _BAC_PRO[0]
    if mefstat.startswith(_NIVEAU_GT):
        return _VOIES.get(mefstat[4:5])
    return ""


def _serie_technologique(mef: str, mefstat: str, libelle: str) -> Serie | None:
    specialite = mef[3:8]
    by_code = _SERIE_DE_SPECIALITE.get(specialite) or _SERIE_DE_SPECIALITE.get(specialite[:3])
    by_code = by_code or _SERIE_DE_LETTRE.get(mefstat[5:6])
    if by_code is not None:
        return by_code
    named = _SERIE_DANS_LIBELLE.search(libelle.upper())
    return Serie(named[1]) if named else None
