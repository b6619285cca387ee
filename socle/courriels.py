"""E-mail addresses of persons: their normal form, and those that are no person's (domaine.md §1 and §5.1)."""

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

_LONGEST, _LONGEST_LOCAL = 254, 64
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MAL_FORME = "adresse électronique mal formée (forme attendue : prenom.nom@exemple.fr, sans espace ni accent)"

# « une adresse mail nominative et non institutionnelle » (Amiens, 2023). Names of functions and of institutions, as
# schools, académies and host establishments have them; ≈ beyond the three that domaine.md §1 gives.
_FONCTIONS = frozenset({
    "accueil", "administration", "admissions", "agence-comptable", "ce", "cio", "communication", "comptabilite",
    "contact", "direction", "directeur", "directrice", "drh", "ecole", "gestion", "gestionnaire", "ien", "info",
    "infos", "inscription", "inscriptions", "intendance", "lycee", "mail", "orientation", "parcoursup",
    "postmaster", "principal", "proviseur", "proviseure", "recrutement", "saio", "scolarite", "secretaire",
    "secretariat", "service", "standard", "vie-scolaire", "viescolaire", "webmaster",
})  # fmt: skip
_UAI = re.compile(r"\d{7}[a-z]")
_FIRST_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_DOMAINE_ACADEMIQUE = re.compile(r"(?:.+\.)?(?:ac-[a-z-]+\.fr|education\.gouv\.fr|monlycee\.net)")


class CourrielInvalide(ValueError):
    """Not an address that can be written to; the message is French and says what is expected."""


class CourrielFonctionnel(CourrielInvalide):
    """The address of a function or of an institution, which no account may have."""


def parse_courriel(value: str) -> str:
    """The normal form of an address: small letters, no blanks around, domain in ASCII; two equal ones reach one person.

    Only the syntax is checked: whether mail arrives is known by writing. What follows a `+` is a part of the address as
    any other: to write `lea+site@…` is the right of whoever has that mailbox, which alone knows whether both are one.

    Raises:
        CourrielInvalide: it is longer than 254 characters or is no address.
    """
    local, at, domaine = value.strip().rpartition("@")
    if not at or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        raise CourrielInvalide(_MAL_FORME)
    ascii_domaine = _parse_domaine(domaine)
    if ascii_domaine is None:
        raise CourrielInvalide(_MAL_FORME)
    courriel = f"{local}@{ascii_domaine}".lower()
    if len(courriel) > _LONGEST:
        raise CourrielInvalide(f"adresse électronique de plus de {_LONGEST} caractères")
    return courriel


_LETTRES_LATINES = frozenset("ßæœø")
"""Beside those of the Latin alphabet, with and without accents."""


@lru_cache(maxsize=4096)
def _parse_domaine(domaine: str) -> str | None:
    """The domain in ASCII; None when no mail can be sent there. A school's addresses have few different ones.

    However it is written, with a letter of another alphabet, or one that is drawn like a Latin one, it is refused: a
    reader could not tell `\u0430c-creteil.fr` from the académie's.
    """
    try:
        parsed = validate_email(f"x@{domaine}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return parsed.ascii_domain if all(_is_plain(letter) for letter in parsed.domain.lower()) else None


def _is_plain(letter: str) -> bool:
    return letter in _LETTRES_LATINES or unicodedata.normalize("NFD", letter)[0].isascii()


def parse_courriel_nominatif(value: str) -> str:
    """The normal form of an address that an account may have: a person's, whoever its provider is.

    `prenom.nom@ac-creteil.fr` is nominative; `ce.0940001A@…`, `contact@…` and `secretariat@…` are not (domaine.md §1).

    Raises:
        CourrielFonctionnel: it is the address of a function or of an institution.
        CourrielInvalide: it is no address.
    """
    courriel = parse_courriel(value)
    local = courriel.partition("@")[0]
    first = _FIRST_WORD.match(local)
    if _UAI.search(local) or (first is not None and first[0] in _FONCTIONS):
        raise CourrielFonctionnel(
            f"l'adresse {courriel} est celle d'un service ou d'un établissement : un compte est nominatif, indiquez "
            f"une adresse personnelle, par exemple prenom.nom@{courriel.partition('@')[2]}"
        )
    return courriel


def is_academique(courriel: str) -> bool:
    """Whether the domain is a school's own, so that a student may lose the address on leaving (domaine.md §5.1)."""
    return _DOMAINE_ACADEMIQUE.fullmatch(courriel.partition("@")[2].lower()) is not None
