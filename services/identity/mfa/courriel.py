"""The code sent by e-mail: six digits, used once, ten minutes."""

import secrets
from datetime import timedelta

VALIDITE = timedelta(minutes=10)
ENTRE_DEUX_ENVOIS = timedelta(seconds=30)

SUJET = "Votre code de connexion au site de gestion"


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**6):06d}"


def text(prenom: str, code: str) -> str:
    """The message, in plain text."""
    return f"""Bonjour {prenom},

Votre code de connexion au site de gestion est :

    {code}

Il est valable 10 minutes et ne sert qu'une fois. Personne ne vous le demandera au téléphone ni par message.

Si vous n'êtes pas en train de vous connecter, quelqu'un connaît votre mot de passe : prévenez sans attendre
l'administrateur de votre établissement ou votre rectorat.
"""
