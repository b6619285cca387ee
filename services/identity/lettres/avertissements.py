"""The letters about what an owner did with its account, or somebody in its name: links asked for, and what changed."""

from services.identity.lettres.lettre import PAS_VOUS, PREVENEZ, Lettre, Lien


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
            PAS_VOUS,
        ],
    )


def address_link(prenom: str, adresse: str) -> Lettre:
    """The link that validates a new address, to that address."""
    return Lettre(
        sujet="Confirmez votre nouvelle adresse",
        prenom=prenom,
        corps=[
            "Vous avez demandé que cette adresse devienne celle de votre compte du site de gestion :",
            Lien("Confirmer l'adresse", adresse),
            "Ce lien ne sert qu'une fois, pendant 72 heures. D'ici là, votre adresse reste la précédente.",
            "Si vous n'avez rien demandé, ne faites rien.",
        ],
    )


def address_asked(prenom: str) -> Lettre:
    """Another address was asked for, to the present one."""
    return Lettre(
        sujet="Une nouvelle adresse a été demandée pour votre compte",
        prenom=prenom,
        corps=[
            "Une autre adresse a été demandée pour votre compte : elle comptera une fois confirmée par qui la reçoit.",
            "Si ce n'est pas vous, changez votre mot de passe : cela annule la demande. " + PREVENEZ,
        ],
    )


def address_changed(prenom: str) -> Lettre:
    """The account has another address, to the one it had."""
    return Lettre(
        sujet="L'adresse de votre compte a été changée",
        prenom=prenom,
        corps=[
            "Votre compte a maintenant une autre adresse : celle-ci ne sert plus à vous connecter.",
            PAS_VOUS,
        ],
    )


def mobile_changed(prenom: str) -> Lettre:
    """The account has another mobile number, or none any more."""
    return Lettre(
        sujet="Votre numéro de mobile a été changé",
        prenom=prenom,
        corps=["Le numéro de mobile de votre compte vient d'être changé ou retiré.", PAS_VOUS],
    )


def application_added(prenom: str) -> Lettre:
    """An application shows the codes of the account, in place of any other."""
    return Lettre(
        sujet="Une application de codes a été ajoutée",
        prenom=prenom,
        corps=[
            "Une application de codes vient d'être ajoutée à votre compte. Celle que vous aviez ne sert plus.",
            PAS_VOUS,
        ],
    )


def application_removed(prenom: str) -> Lettre:
    """No application shows the codes of the account any more."""
    return Lettre(
        sujet="Votre application de codes a été retirée",
        prenom=prenom,
        corps=["L'application de codes de votre compte vient d'être retirée : ses codes ne servent plus.", PAS_VOUS],
    )


def key_added(prenom: str) -> Lettre:
    """A passkey signs in."""
    return Lettre(
        sujet="Une clé d'accès a été ajoutée",
        prenom=prenom,
        corps=["Une clé d'accès vient d'être ajoutée à votre compte : elle permet de s'y connecter.", PAS_VOUS],
    )


def key_removed(prenom: str) -> Lettre:
    """A passkey signs in no more."""
    return Lettre(
        sujet="Une clé d'accès a été retirée",
        prenom=prenom,
        corps=[
            "Une clé d'accès vient d'être retirée de votre compte : elle ne permet plus de s'y connecter.",
            PAS_VOUS,
        ],
    )
