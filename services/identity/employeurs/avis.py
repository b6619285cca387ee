"""What the owner of an account is told of the identities it is linked to."""

from services.identity.lettres.lettre import PAS_VOUS, Lettre


def letter_linked(prenom: str, nom: str) -> Lettre:
    """The message to whoever linked the identity of an employer."""
    return Lettre(
        sujet="Une identité de votre employeur est liée à votre compte",
        prenom=prenom,
        corps=[
            f"L'identité « {nom} » vient d'être liée à votre compte : elle y remplace désormais votre mot de passe.",
            PAS_VOUS,
        ],
    )


def letter_unlinked(prenom: str, nom: str) -> Lettre:
    """The message to whoever unlinked it."""
    return Lettre(
        sujet="Une identité de votre employeur n'est plus liée à votre compte",
        prenom=prenom,
        corps=[
            f"L'identité « {nom} » n'ouvre plus votre compte du site de gestion. Votre mot de passe reste le même.",
            PAS_VOUS,
        ],
    )
