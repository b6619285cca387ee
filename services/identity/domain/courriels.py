"""Addresses of persons (domaine.md §1: accounts are nominative). Pure."""

import re
import unicodedata

from kit.errors import Refusal

_ADRESSE = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
_LONGUEUR_MAXIMALE = 254
"""RFC 5321 §4.5.3.1.3, and what SIECLE allows."""
_UAI = re.compile(r"\d{7}[a-z]")
_FONCTIONS = frozenset(
    """
    accueil admin administrateur administratif administration adjoint bourses bts bureau campus cdi ce cfa chef cio
    concours contact cpe cpge ddfpt direction directeur directrice dsden ecole enseignants etablissement examens
    formation gestion gestionnaire inscription inscriptions info informatique informations infos intendance lycee mail
    noreply orientation parcoursup postbac principal proviseur proviseure rectorat reponse saio scolarite secretaire
    secretariat service siecle standard support universite viescolaire vie webmaster
    """.split()  # noqa: SIM905 - a list of words reads as such
)
"""Words that name a function or a place rather than a person, at the head of an address."""


class CourrielInvalide(Refusal):
    """Not an e-mail address."""

    code = "COURRIEL_INVALIDE"


class CourrielFonctionnel(Refusal):
    """The address of a function or of an institution: an account is one person's (domaine.md §1)."""

    code = "COURRIEL_FONCTIONNEL"


class CourrielPris(Refusal):
    """Another account has this address: one address, one account in the whole country."""

    code = "COURRIEL_PRIS"


def normalize(courriel: str) -> str:
    """The address as it is compared: without blanks around, in small letters.

    Plus-addressing is left alone: `a+b@…` is its owner's way to sort mail, and another address.

    Raises:
        CourrielInvalide: it is not an address (letters with accents and look-alikes are not accepted in one).
    """
    text = unicodedata.normalize("NFC", courriel.strip()).lower()
    if len(text) > _LONGUEUR_MAXIMALE or not _ADRESSE.fullmatch(text):
        raise CourrielInvalide("Cette adresse électronique n'est pas valide : corrigez-la.", champ="courriel")
    return text


def require_nominative(courriel: str) -> None:
    """Whether a normalized address is a person's.

    « Une adresse mail nominative et non institutionnelle » (Amiens, 2023): `prenom.nom@ac-creteil.fr` is, and
    `ce.0940001A@…`, `contact@…` or `secretariat@…` is not (domaine.md §1).

    Raises:
        CourrielFonctionnel: it is not; the message says why, and gives an example of one that is.
    """
    local, _, domain = courriel.partition("@")
    words = [word for word in re.split(r"[._+-]", local) if word]
    function = words[0] in _FONCTIONS if words else False
    if function or any(_UAI.fullmatch(word) for word in words):
        raise CourrielFonctionnel(
            "Cette adresse est celle d'une fonction ou d'un établissement, alors qu'un compte est nominatif : "
            f"donnez l'adresse de la personne, par exemple prenom.nom@{domain}.",
            champ="courriel",
        )
