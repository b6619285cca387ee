"""What the owner of a locked account is told."""

from services.identity.lettres.lettre import PREVENEZ, Lettre, Lien

_ATTENDRE = (
    "Depuis un navigateur où vous ne vous êtes pas connecté récemment, il faut attendre avant de recommencer ; les "
    "autres ne sont pas touchés."
)


def locked(prenom: str, adresse: str) -> Lettre:
    """Too many tries failed; the link unlocks."""
    return Lettre(
        sujet="Votre compte est verrouillé pour un moment",
        prenom=prenom,
        corps=[
            "Trop d'essais de connexion à votre compte du site de gestion ont échoué.",
            _ATTENDRE,
            "Si ces essais étaient les vôtres, vous pouvez recommencer tout de suite :",
            Lien("Déverrouiller le compte", adresse),
            "Ce lien ne sert qu'une fois, pendant une heure, et ne fait rien d'autre.",
            "Si ce n'était pas vous, n'en faites rien : quelqu'un essaie de deviner votre mot de passe. " + PREVENEZ,
        ],
    )
