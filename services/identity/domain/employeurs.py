"""Signing in with the identity of an employer: what it is worth here, and of whom it may speak (ADR 034). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from kit.errors import Refusal
from services.identity.domain.comptes import Compte
from services.identity.domain.facteurs import Facteur
from socle.academies import academies_of_region

DUREE_DEMANDE = timedelta(minutes=10)
"""≈ ours: how long a person may take at its employer's."""


class EmployeurInconnu(Refusal):
    """No employer is declared by that name, or no more."""

    code = "EMPLOYEUR_INCONNU"

    def __init__(self) -> None:
        super().__init__("Cet employeur n'est pas proposé ici : connectez-vous avec votre mot de passe.")


class EmployeurInjoignable(Refusal):
    """The employer's provider does not answer."""

    code = "EMPLOYEUR_INJOIGNABLE"

    def __init__(self, nom: str) -> None:
        super().__init__(
            f"Le service d'identité « {nom} » ne répond pas : connectez-vous avec votre mot de passe, "
            "ou réessayez dans quelques minutes."
        )


class RetourRefuse(Refusal):
    """The employer said no; or what came back is not the answer to what this browser asked, once, a moment ago."""

    code = "RETOUR_REFUSE"

    def __init__(self, nom: str) -> None:
        super().__init__(
            f"La connexion par « {nom} » n'a pas abouti : recommencez, ou connectez-vous avec votre mot de passe."
        )


class IdentiteNonLiee(Refusal):
    """No account that may sign in is linked to this identity."""

    code = "IDENTITE_NON_LIEE"

    def __init__(self, nom: str) -> None:
        super().__init__(
            f"Aucun compte n'est lié à votre identité « {nom} » : connectez-vous avec votre mot de passe, puis liez-la "
            "depuis la page de votre compte."
        )


class IdentiteHorsPerimetre(Refusal):
    """The account has something where this employer has no say."""

    code = "IDENTITE_HORS_PERIMETRE"

    def __init__(self, nom: str) -> None:
        super().__init__(
            f"L'identité « {nom} » ne peut pas ouvrir votre compte, qui a aussi des rôles ou des droits ailleurs : "
            "connectez-vous avec votre mot de passe."
        )


class IdentiteDejaLiee(Refusal):
    """One identity, one account; and of each employer, one identity for one account."""

    code = "IDENTITE_DEJA_LIEE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondance:
    """What the words of an employer's provider are worth here: its `acr` and `amr`, in our factors."""

    acr: Mapping[str, frozenset[Facteur]] = field(default_factory=dict)
    amr: Mapping[str, frozenset[Facteur]] = field(default_factory=dict)

    def factors(self, acr: str | None, amr: Sequence[str]) -> frozenset[Facteur]:
        """The factors that an identity shows: the employer's word, in place of the password, and what it is said to
        have checked beside one. What is not declared counts for nothing more.
        """
        said = [self.acr.get(acr or "", frozenset()), *(self.amr.get(method, frozenset()) for method in amr)]
        return frozenset({Facteur.EMPLOYEUR}).union(*said) - {Facteur.MOT_DE_PASSE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Perimetre:
    """Where an employer has a say: in these académies and establishments; everywhere when none is named."""

    academies: frozenset[str] = frozenset()
    uais: frozenset[str] = frozenset()

    def covers(self, compte: Compte, academies: Mapping[str, str]) -> bool:
        """Whether all that the account holds is there; `academies` are those of the establishments that are known.

        An employer whose provider was broken into opens none of the accounts that can act elsewhere.
        """
        if not (self.academies or self.uais):
            return True
        if not all(self._has(uai, academies) for uai in compte.etablissements):
            return False
        return all(
            role.uai is not None or self._governs(role.academie, role.region_academique) for role in compte.roles
        )

    def _has(self, uai: str, academies: Mapping[str, str]) -> bool:
        return uai in self.uais or academies.get(uai) in self.academies

    def _governs(self, academie: str | None, region: str | None) -> bool:
        within = {academie} if academie is not None else academies_of_region(region) if region is not None else set()
        return bool(within) and within <= self.academies


class But(StrEnum):
    """What an identity is asked for."""

    CONNEXION = "CONNEXION"
    LIEN = "LIEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fraicheur:
    """How recently the employer must have seen the person.

    Args:
        depuis: not before that moment.
        nouvelle: whether the person must be asked again, whenever that was.
    """

    depuis: datetime
    nouvelle: bool

    def max_age(self, now: datetime) -> int:
        """The parameter `max_age`: always said, so that the answer always has `auth_time`."""
        return 0 if self.nouvelle else max(0, int((now - self.depuis).total_seconds()))


def fresh(*, a_neuf: bool, max_age: timedelta | None, now: datetime, duree_session: timedelta) -> Fraicheur:
    """What a sign-in asks of the employer: what was asked of it, `prompt=login` or `max_age`, is passed on.

    Otherwise the employer's own session will do, while half of ours is left: it ends as if it had begun then.
    """
    if a_neuf:
        return Fraicheur(depuis=now, nouvelle=True)
    longest = duree_session / 2
    return Fraicheur(depuis=now - min(longest if max_age is None else max_age, longest), nouvelle=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identite:
    """A person as an employer's provider has just shown it.

    Args:
        emetteur: the provider; `sujet` its name for the person, which means nothing elsewhere.
        authentifie_le: when it saw the person, which may be long before.
    """

    emetteur: str
    sujet: str
    faits: frozenset[Facteur]
    authentifie_le: datetime


def listed(domaines: Mapping[str, frozenset[str]], courriel: str, *, few: int) -> Iterable[str]:
    """Which employers to offer by name on the page of the password: those of the domain of the address that was
    given; else all where there are no more than `few`, and none where there are.
    """
    domaine = courriel.rpartition("@")[2].casefold()
    theirs = [id for id, held in domaines.items() if domaine in held] if domaine else []
    return theirs or (domaines if len(domaines) <= few else [])
