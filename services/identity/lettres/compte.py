"""What the owner of an account is told of it."""

from services.identity.lettres.lettre import PREVENEZ, Lettre, Lien

_PAS_VOUS = "Si ce n'est pas vous, quelqu'un est entré dans votre compte. " + PREVENEZ


def password_link(prenom: str, adresse: str) -> Lettre:
    """The link by which a new password is chosen."""
    return Lettre(
        sujet="Choisissez un nouveau mot de passe",
        prenom=prenom,
        corps=[
            "Vous avez demandé un nouveau mot de passe pour votre compte du site de gestion :",
            Lien("Choisir un mot de passe", adresse),
            "Ce lien ne sert qu'une fois, pendant une heure. Vos autres moyens de connexion restent les mêmes.",
            "Si vous n'avez rien demandé, ne faites rien : votre mot de passe ne change pas.",
        ],
    )


def invitation_again(prenom: str, adresse: str) -> Lettre:
    """The link of an account that waits for its owner, whom it had already been sent to."""
    return Lettre(
        sujet="Activez votre compte",
        prenom=prenom,
        corps=[
            "Vous avez demandé un nouveau mot de passe, mais votre compte du site de gestion n'est pas encore activé :",
            Lien("Activer le compte", adresse),
            "Ce lien ne sert qu'une fois, pendant 72 heures, et remplace celui que vous aviez reçu.",
            "Si vous n'avez rien demandé, ne faites rien.",
        ],
    )


def password_changed(prenom: str) -> Lettre:
    """The password is another one."""
    return Lettre(
        sujet="Votre mot de passe a été changé",
        prenom=prenom,
        corps=[
            "Le mot de passe de votre compte vient d'être changé. Les connexions ouvertes ailleurs ont été fermées.",
            _PAS_VOUS,
        ],
    )
