"""Names of persons, as accounts keep them: one normal form, and nothing but a name. Pure."""

import re
import unicodedata

from kit.errors import Refusal
from services.identity.domain.comptes import plain

LONGUEUR = 100
"""≈ ours: the longest of the names that the civil registry has known is shorter."""
_APOSTROPHES = "'’ʼ"
_BETWEEN = frozenset(f"{_APOSTROPHES} -‐‑")
_INITIALE = re.compile(r"\.(?! |$)")
"""A full stop that ends no initial: with it a name could be a site's, and mail clients make links of those."""
_SEPARATORS = str.maketrans("", "", f"{_APOSTROPHES} .-‐‑")


class NomRefuse(Refusal):
    """Not a person's name; the message says what is expected."""

    code = "NOM_REFUSE"


def parse_nom(value: str, *, champ: str) -> str:
    """The normal form of a name or first name: composed (NFC), single blanks, none around.

    A name goes into letters and lists: so it has Latin letters only (another alphabet's look the same and are not),
    with what joins them, and no control character, sign or address.

    Raises:
        NomRefuse: it is empty, longer than 100 characters, or has something else in it.
    """
    # Bounded before it is normalized, which may make it longer.
    nom = unicodedata.normalize("NFC", value[: 4 * LONGUEUR]).strip()
    if any(unicodedata.category(letter).startswith("C") for letter in nom):
        raise _refuse(champ)
    nom = re.sub(r"\s+", " ", nom)
    if len(nom) > LONGUEUR or not any(letter.isalpha() for letter in nom):
        raise _refuse(champ)
    if _INITIALE.search(nom) or not all(_is_of_a_name(letter) for letter in nom):
        raise _refuse(champ)
    return nom


def _is_of_a_name(letter: str) -> bool:
    if letter in _BETWEEN or letter == ".":
        return True
    if letter.isalpha():
        return unicodedata.name(letter, "").startswith("LATIN ")
    return unicodedata.combining(letter) != 0


def _refuse(champ: str) -> NomRefuse:
    return NomRefuse(
        f"Un nom ou un prénom compte de 1 à {LONGUEUR} lettres latines, avec traits d'union, apostrophes et espaces : "
        "corrigez-le.",
        champ=champ,
    )


def same_name(one: str, other: str) -> bool:
    """Whether two names are one, whatever the case, the accents, and what joins their parts."""
    return _bare(one) == _bare(other)


_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})


def sort_key(nom: str, prenom: str) -> str:
    """What lists of persons are sorted by: name, then first name, without capitals, accents or ligatures."""
    return plain(f"{nom} {prenom}").translate(_LIGATURES)


def _bare(nom: str) -> str:
    return plain(nom).translate(_SEPARATORS)
