"""The code sent by e-mail: six digits, used once, ten minutes."""

import secrets
from datetime import timedelta

from services.identity.lettres.lettre import PREVENEZ, Code, Lettre

VALIDITE = timedelta(minutes=10)
ENTRE_DEUX_ENVOIS = timedelta(seconds=30)


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**6):06d}"


def letter(prenom: str, code: str) -> Lettre:
    """The message that brings the code."""
    return Lettre(
        sujet="Votre code de connexion au site de gestion",
        prenom=prenom,
        corps=[
            "Votre code de connexion au site de gestion est :",
            Code(code),
            "Il est valable 10 minutes et ne sert qu'une fois. Personne ne vous le demandera.",
            "Si vous n'êtes pas en train de vous connecter, quelqu'un connaît votre mot de passe. " + PREVENEZ,
        ],
    )
