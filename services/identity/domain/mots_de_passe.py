"""What a password must be (domaine.md §3). Pure: its strength is computed outside, by zxcvbn."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime

from kit.errors import Refusal
from services.identity.domain.comptes import plain

LONGUEUR_MINIMALE = 12
LONGUEUR_MAXIMALE = 128
FORCE_MINIMALE = 3
"""On zxcvbn's scale of 0 to 4: « safely unguessable », as the CNIL's recommendation 2022-100 asks of 12 characters."""
RETENUS = 3
"""« the last 3 refused » (domaine.md §3)."""


class MotDePasseRefuse(Refusal):
    """The chosen password breaks a rule; the message says which."""

    code = "MOT_DE_PASSE_REFUSE"


def normalize(mot_de_passe: str) -> str:
    """The same characters whatever keyboard typed them (NFKC, as NIST SP 800-63B §5.1.1.2 recommends)."""
    return unicodedata.normalize("NFKC", mot_de_passe)


def require_acceptable(mot_de_passe: str, *, force: int, mots_personnels: Iterable[str]) -> None:
    """Whether `mot_de_passe`, normalized, may be chosen.

    `force` is zxcvbn's score, from 0 to 4; `mots_personnels` are login, names and UAI of its owner, as `plain` writes
    them.

    Raises:
        MotDePasseRefuse: it may not.
    """
    if len(mot_de_passe) < LONGUEUR_MINIMALE:
        raise _refuse(f"Le mot de passe doit compter au moins {LONGUEUR_MINIMALE} caractères : allongez-le.")
    if len(mot_de_passe) > LONGUEUR_MAXIMALE:
        raise _refuse(f"Le mot de passe ne peut dépasser {LONGUEUR_MAXIMALE} caractères : raccourcissez-le.")
    written = plain(mot_de_passe)
    if any(word in written for word in mots_personnels):
        raise _refuse(
            "Le mot de passe contient votre identifiant, votre nom ou le numéro UAI de votre établissement : "
            "choisissez-en un autre."
        )
    if force < FORCE_MINIMALE:
        raise _refuse(
            "Ce mot de passe est trop facile à deviner : ajoutez des mots sans rapport entre eux, "
            "ou laissez un gestionnaire de mots de passe en créer un."
        )


def is_due(choisi_le: datetime | None, ouvertures: Iterable[datetime], *, now: datetime) -> bool:
    """Whether a password was chosen before the site opened for the session that `now` is in, or nobody knows when.

    « Lors de votre première connexion, il vous sera demandé de changer votre ancien mot de passe » (Créteil, 2023).
    `ouvertures` are when the site opens, or opened, for each session.
    """
    opened = max((moment for moment in ouvertures if moment <= now), default=None)
    return opened is not None and (choisi_le is None or choisi_le < opened)


def already_used() -> MotDePasseRefuse:
    """The refusal of one of the last three."""
    return _refuse(f"Vous avez déjà utilisé ce mot de passe parmi les {RETENUS} derniers : choisissez-en un autre.")


def _refuse(message: str) -> MotDePasseRefuse:
    return MotDePasseRefuse(message, champ="mot_de_passe")
