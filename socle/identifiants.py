"""Identifiers of establishments and students (domaine.md §8)."""

import re
from enum import StrEnum

_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_UAI = re.compile(r"[0-9A-Z]\d{6}[A-Z]")
_INE_RNIE = re.compile(r"\d{9}[A-HJK]{2}")
_INE_BEA = re.compile(r"\d{10}[A-Z]")
_INE_APPRENTI = re.compile(r"\d{4}A\d{5}[A-Z]")
_MEF = re.compile(r"[0-9A-Z]{11}")
_MATIERE = re.compile(r"[0-9A-Z]{6}")


class IdentifiantInvalide(ValueError):
    """Not an identifier of its kind; the message is French and says what is expected."""


def _compact(value: str) -> str:
    return "".join(value.split()).upper()


def uai_letter(digits: str) -> str:
    """The check letter of seven digits (domaine.md §8)."""
    return _LETTERS[int(digits) % len(_LETTERS)]


def parse_uai_accueil(value: str) -> tuple[str, str | None]:
    """The UAI of a host, and a warning when its check letter is wrong: 18 real ones have that (domaine.md §4 and §8).

    One of the 18 even begins with a letter, and is a host all the same.

    Raises:
        IdentifiantInvalide: not the shape of a UAI.
    """
    uai = _compact(value)
    if not _UAI.fullmatch(uai):
        raise IdentifiantInvalide(f"numéro UAI attendu (sept chiffres et une lettre), trouvé « {value} »")
    if not uai[0].isdecimal():
        return uai, f"le numéro UAI {uai} ne commence pas par un chiffre"
    expected = uai_letter(uai[:7])
    if uai[7] == expected:
        return uai, None
    return uai, f"la lettre du numéro UAI {uai} devrait être {expected}"


def parse_uai_origine(value: str) -> str:
    """The UAI of an establishment of origin, whose check letter must be right (domaine.md §8).

    Raises:
        IdentifiantInvalide: not seven digits and the right letter.
    """
    uai, warning = parse_uai_accueil(value)
    if warning is not None:
        raise IdentifiantInvalide(warning)
    return uai


class TypeIne(StrEnum):
    """The three shapes of a national student number (domaine.md §8)."""

    RNIE = "RNIE"
    BEA = "BEA"
    APPRENTI = "APPRENTI"


def ine_type(value: str) -> TypeIne | None:
    """Which kind of national student number this is; None when it is none."""
    if _INE_RNIE.fullmatch(value):
        return TypeIne.RNIE
    if _INE_BEA.fullmatch(value):
        return TypeIne.BEA
    if _INE_APPRENTI.fullmatch(value):
        return TypeIne.APPRENTI
    return None


def normalize_ine(value: str) -> str:
    """The number in capitals, without blanks."""
    return _compact(value)


def ine_bea_letter(digits: str) -> str:
    """The check letter of the ten digits of an INE-BEA: known from one value, so a mismatch warns only (§8)."""
    return _LETTERS[int(digits) % len(_LETTERS)]


def is_mef(value: str) -> bool:
    """Whether this is a code of a *module élémentaire de formation*: eleven characters (some hold a letter)."""
    return _MEF.fullmatch(value) is not None


def is_matiere(value: str) -> bool:
    """Whether this is a code of a subject: six characters."""
    return _MATIERE.fullmatch(value) is not None
