"""Recovery codes: printed, put away, and used once each, where neither the application nor the mailbox is at hand."""

import secrets
from collections.abc import Sequence

from services.identity.lettres.lettre import PAS_VOUS, PREVENEZ, Lettre

NOMBRE = 10
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: none of its letters is taken for another, or for a digit."""
_READ_AS = str.maketrans("OIL", "011", " -\u2010\u2011\u2013\t")
_HALF = 5


def new_codes() -> Sequence[str]:
    """Ten codes of fifty random bits each, as they are shown: `7K2QX-M9D4T`."""
    return [f"{_half()}-{_half()}" for _ in range(NOMBRE)]


def _half() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_HALF))


def normalize(typed: str) -> str:
    """A code as typed, in any case and with what people put between its halves, in the one form it is compared in."""
    return typed[:40].upper().translate(_READ_AS)


def letter_renewed(prenom: str) -> Lettre:
    """The message to whoever has new codes."""
    return Lettre(
        sujet="Vos codes de secours ont été renouvelés",
        prenom=prenom,
        corps=[
            "De nouveaux codes de secours viennent d'être créés pour votre compte. Les précédents ne servent plus.",
            PAS_VOUS,
        ],
    )


def letter_used(prenom: str, restants: int) -> Lettre:
    """The message to whose code was used, with how many are left."""
    return Lettre(
        sujet="Un code de secours a servi à vous connecter",
        prenom=prenom,
        corps=[
            f"Un de vos codes de secours vient de servir à vous connecter au site de gestion. {_left(restants)}",
            "Si ce n'est pas vous, quelqu'un connaît votre mot de passe et a vos codes. " + PREVENEZ,
        ],
    )


def letter_void(prenom: str) -> Lettre:
    """The message to whose codes a restoration of the platform voided."""
    return Lettre(
        sujet="Vos codes de secours ne servent plus : créez-en d'autres",
        prenom=prenom,
        corps=[
            "Le site de gestion vient d'être rétabli à partir d'une sauvegarde.",
            "Pour qu'aucun code ne serve une seconde fois, tous les codes de secours ont été annulés.",
            "Créez-en de nouveaux à votre prochaine connexion, depuis la page de votre connexion.",
        ],
    )


def _left(restants: int) -> str:
    match restants:
        case 0:
            return "Il ne vous en reste plus : créez-en de nouveaux dès maintenant, depuis la page de votre connexion."
        case 1:
            return "Il vous en reste un : créez-en de nouveaux depuis la page de votre connexion."
        case _:
            return f"Il vous en reste {restants}."
