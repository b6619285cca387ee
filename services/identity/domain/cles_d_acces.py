"""Passkeys of accounts: how many, under which names, and what their counter tells (ADR 033). Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from kit.errors import Refusal

NOMBRE_MAXIMAL = 10
_NOM_MAXIMAL = 40
_CONTROLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class NomDeCleRefuse(Refusal):
    """A key has no such name."""

    code = "NOM_DE_CLE_REFUSE"

    def __init__(self) -> None:
        super().__init__(
            f"Le nom de la clé compte de 1 à {_NOM_MAXIMAL} caractères, comme « Clé du bureau » : corrigez-le.",
            champ="nom",
        )


class TropDeCles(Refusal):
    """The account has as many keys as one may have."""

    code = "TROP_DE_CLES"

    def __init__(self) -> None:
        super().__init__(f"Vous avez déjà {NOMBRE_MAXIMAL} clés d'accès : retirez celles qui ne servent plus.")


class CleInconnue(Refusal):
    """The account has no such key, or no more."""

    code = "CLE_INCONNUE"

    def __init__(self) -> None:
        super().__init__("Cette clé d'accès n'est plus parmi les vôtres : rechargez la page.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cle:
    """A passkey of an account.

    Args:
        id: the hash of its identifier, under which it is kept.
        identifiant: its identifier, as it was given by whatever holds it.
        publique: its public key (COSE).
        compteur: how often it said it had signed, the last time; some always say 0.
        transports: how it is reached, for the browser to ask for it the right way.
        modele: the model of what holds it (AAGUID), which says nothing of the person.
        nom: the name its owner gave it.
    """

    id: str
    compte: str
    identifiant: bytes
    publique: bytes
    compteur: int
    transports: tuple[str, ...]
    modele: str
    nom: str
    cree_le: datetime
    servie_le: datetime | None = None


def name_key(nom: str) -> str:
    """The name of a key, in its normal form.

    Raises:
        NomDeCleRefuse: a key has no such name.
    """
    named = re.sub(" +", " ", unicodedata.normalize("NFC", nom)).strip(" ")
    if not 1 <= len(named) <= _NOM_MAXIMAL or _CONTROLE.search(named):
        raise NomDeCleRefuse
    return named


def is_clone(compteur: int, dernier: int) -> bool:
    """Whether a counter betrays a copy: it has not grown since the last time (Web Authentication 3, §7.2, step 22)."""
    return (compteur > 0 or dernier > 0) and compteur <= dernier
