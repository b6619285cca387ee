"""The letter to whoever does not use its account any more."""

from datetime import datetime
from zoneinfo import ZoneInfo

from services.identity.lettres.lettre import Lettre, Lien

_PARIS = ZoneInfo("Europe/Paris")


def letter(prenom: str, *, mois: int, fin: datetime, active: bool, adresse: str) -> Lettre:
    """Warns that the account will be disabled from `fin` on; `active` unless its owner never activated it."""
    jour = f"{fin.astimezone(_PARIS):%d/%m/%Y}"
    garder = (
        f"Pour le garder, connectez-vous avant le {jour}."
        if active
        else f"Pour le garder, demandez avant le {jour} un nouveau lien d'activation à qui a créé votre compte."
    )
    return Lettre(
        sujet=f"Votre compte n'a pas servi depuis {mois} mois : il sera désactivé",
        prenom=prenom,
        corps=[
            f"Votre compte du site de gestion n'a pas servi depuis {mois} mois. {garder}",
            *([Lien("Se connecter", adresse)] if active else []),
            "Si vous n'en avez plus besoin, vous n'avez rien à faire : il sera désactivé à cette date.",
        ],
    )
