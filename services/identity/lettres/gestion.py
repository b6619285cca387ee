"""The letters about what the level above does with an account: invited, given a role, unlocked, disabled."""

from services.identity.lettres.lettre import PREVENEZ, Lettre, Lien
from socle.rubriques import Role

_ROLES = {
    Role.ADMIN_NATIONAL: "administrateur national",
    Role.ADMIN_ACADEMIQUE: "administrateur académique",
    Role.CAES: "membre de la commission d'accès à l'enseignement supérieur",
    Role.CHEF_ETABLISSEMENT: "chef d'établissement",
    Role.ADJOINT: "adjoint au chef d'établissement",
    Role.ADMIN_ETABLISSEMENT: "administrateur d'établissement",
    Role.GESTIONNAIRE: "gestionnaire",
    Role.PROFESSEUR_PRINCIPAL: "professeur principal",
    Role.REFERENT: "référent",
    Role.PSY_EN: "psychologue de l'Éducation nationale",
    Role.DIRECTEUR_CIO: "directeur de centre d'information et d'orientation",
}


def invitation(prenom: str, role: Role, ou: str, *, adresse: str, lien: str) -> Lettre:
    """The message to whoever is invited, with the secret `lien` of its activation link.

    `ou` is where the role holds, as one says it after it (« de l'établissement 0940001A »), and `adresse` where the
    provider's pages are.
    """
    return Lettre(
        sujet="Activez votre compte du site de gestion",
        prenom=prenom,
        corps=[
            (
                f"Un compte vient d'être créé pour vous sur le site de gestion, comme {_ROLES[role]}{_place(ou)}. "
                "Il est nominatif. Activez-le : vous choisirez un mot de passe, que personne d'autre ne doit connaître."
            ),
            _activation(adresse, lien),
            (
                "Ce lien est valable 72 heures et ne sert qu'une fois. S'il a expiré, demandez-en un autre à la "
                "personne qui vous a invité."
            ),
            Lien("Lire le guide de sécurité", f"{adresse}/securite"),
            "Si vous n'attendez pas cette invitation, ne suivez pas le lien. " + PREVENEZ,
        ],
    )


def again(prenom: str, *, adresse: str, lien: str) -> Lettre:
    """The message that brings a new activation link; the earlier one works no more."""
    return Lettre(
        sujet="Un nouveau lien pour activer votre compte",
        prenom=prenom,
        corps=[
            (
                "Voici un nouveau lien pour activer votre compte du site de gestion. Il remplace les précédents, qui "
                "ne servent plus."
            ),
            _activation(adresse, lien),
            "Ce lien est valable 72 heures et ne sert qu'une fois.",
            Lien("Lire le guide de sécurité", f"{adresse}/securite"),
            "Si vous n'attendez pas ce message, ne suivez pas le lien. " + PREVENEZ,
        ],
    )


def new_role(prenom: str, role: Role, ou: str) -> Lettre:
    """The message to whose account of before was given a role."""
    return Lettre(
        sujet="Votre compte du site de gestion a un nouveau rôle",
        prenom=prenom,
        corps=[
            (
                f"Votre compte du site de gestion peut désormais servir comme {_ROLES[role]}{_place(ou)}. "
                "Connectez-vous comme à l'habitude : il n'y a rien à activer."
            ),
            "Si vous n'attendez pas ce rôle, quelqu'un vous a peut-être pris pour un autre. " + PREVENEZ,
        ],
    )


def unlocked(prenom: str) -> Lettre:
    """The message to whose account was unlocked."""
    return Lettre(
        sujet="Votre compte a été déverrouillé",
        prenom=prenom,
        corps=[
            (
                "Votre compte du site de gestion, verrouillé après trop d'essais, vient d'être déverrouillé par "
                "l'échelon supérieur. Vous pouvez vous connecter de nouveau."
            ),
            "Si vous n'avez rien demandé, ou si ces essais ne sont pas les vôtres, quelqu'un cherche votre mot de "
            "passe. " + PREVENEZ,
        ],
    )


def signed_out(prenom: str) -> Lettre:
    """The message to whose sessions were ended."""
    return Lettre(
        sujet="Vos connexions ont été fermées",
        prenom=prenom,
        corps=[
            (
                "L'échelon supérieur vient de fermer toutes les connexions ouvertes de votre compte du site de "
                "gestion. Votre mot de passe et vos autres moyens de connexion restent les mêmes : reconnectez-vous "
                "avec eux, le mot de passe seul ne suffira pas."
            ),
            "Si vous n'avez rien demandé, quelqu'un a peut-être vu une connexion qui n'était pas la vôtre : changez "
            "votre mot de passe. " + PREVENEZ,
        ],
    )


def factors_reset(prenom: str) -> Lettre:
    """The message to whose factors were reset."""
    return Lettre(
        sujet="Vos moyens de connexion ont été réinitialisés",
        prenom=prenom,
        corps=[
            (
                "L'échelon supérieur vient de retirer de votre compte l'application, les clés d'accès, le numéro de "
                "portable et les codes de secours qui y étaient enrôlés, d'en délier l'identité de votre employeur, et "
                "de fermer vos sessions. Votre mot de passe reste le même."
            ),
            (
                "À votre prochaine connexion, un code vous sera envoyé à cette adresse, puis vous enrôlerez de "
                "nouveaux moyens de connexion."
            ),
            "Si vous n'avez pas perdu ces moyens de connexion, quelqu'un cherche à entrer dans votre compte. "
            + PREVENEZ,
        ],
    )


def disabled(prenom: str) -> Lettre:
    """The message to whose account was disabled."""
    return Lettre(
        sujet="Votre compte a été désactivé",
        prenom=prenom,
        corps=[
            (
                "Votre compte du site de gestion vient d'être désactivé par l'échelon supérieur, et vos sessions sont "
                "fermées. Si vous devez encore vous en servir, demandez-lui de le réactiver."
            ),
        ],
    )


def _activation(adresse: str, lien: str) -> Lien:
    return Lien("Activer mon compte", f"{adresse}/activation?lien={lien}")


def _place(ou: str) -> str:
    return f" {ou}" if ou else ""
