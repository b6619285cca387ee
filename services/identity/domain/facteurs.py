"""Which factors a person must show, and what comes next while it signs in (domaine.md §3). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from socle.principal import RoleTenu
from socle.rubriques import Role


class Facteur(StrEnum):
    """A way to prove who one is; its value is what the claim `amr` says.

    RFC 8176 has a name neither for an e-mailed code nor for a recovery code.
    """

    MOT_DE_PASSE = "pwd"
    TOTP = "otp"
    COURRIEL = "email"
    SECOURS = "recovery"


_NI_COURRIEL_NI_SMS = frozenset({Facteur.TOTP, Facteur.SECOURS})
"""What one of an administrator's factors has to be (domaine.md §3)."""


ROLES_A_TROIS_FACTEURS = frozenset({Role.ADMIN_NATIONAL, Role.ADMIN_ACADEMIQUE, Role.ADMIN_ETABLISSEMENT})
"""« double authentification, voire triple authentification pour les comptes administrateurs » (Créteil, 2023, addressed
to the administrators of establishments), and « `ADMIN_*`: three » (domaine.md §3). The setting `TROIS_FACTEURS` says
otherwise where that must be."""


class Etape(Enum):
    """What is asked next."""

    TOTP_OU_COURRIEL = auto()
    TOTP = auto()
    COURRIEL = auto()
    ENROLEMENT = auto()
    ENROLEMENT_PROPOSE = auto()
    TERMINEE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcours:
    """How far a sign-in is.

    Args:
        requis: how many factors the account's roles ask for, password included.
        faits: those already shown.
        totp: whether an application of the person is enrolled.
        premiere: whether the account never signed in before.
        enrolement_decline: whether the person put the enrolment off, in this sign-in.
    """

    requis: int
    faits: frozenset[Facteur]
    totp: bool
    premiere: bool
    enrolement_decline: bool = False

    @property
    def etape(self) -> Etape:
        """What to ask next.

        With three factors, the two after the password are different and one is neither e-mail nor SMS: the
        application, and the e-mailed code. Who has no application yet shows the e-mailed code first, so that a
        stolen password alone never enrols one. A recovery code stands for whichever of them is out of reach.
        """
        if self.requis >= 3:
            return self._three()
        if self.faits <= {Facteur.MOT_DE_PASSE}:
            return Etape.TOTP_OU_COURRIEL if self.totp else Etape.COURRIEL
        if self.premiere and not self.totp and not self.enrolement_decline:
            return Etape.ENROLEMENT_PROPOSE
        return Etape.TERMINEE

    @property
    def accepte_secours(self) -> bool:
        """Whether a recovery code may be shown now, in place of what is asked: once in a sign-in."""
        return self.etape in _EN_PLACE_DE and Facteur.SECOURS not in self.faits

    def _three(self) -> Etape:
        strong = not self.faits.isdisjoint(_NI_COURRIEL_NI_SMS)
        if self.totp and not strong:
            return Etape.TOTP
        if len(self.faits) < 3 and Facteur.COURRIEL not in self.faits:
            return Etape.COURRIEL
        return Etape.TERMINEE if strong else Etape.ENROLEMENT


_EN_PLACE_DE = frozenset({Etape.TOTP_OU_COURRIEL, Etape.TOTP, Etape.COURRIEL})


def required_factors(roles: Iterable[RoleTenu], *, a_trois: frozenset[Role] = ROLES_A_TROIS_FACTEURS) -> int:
    """How many factors these roles ask for: two for everyone, three for administrators."""
    return 3 if any(held.role in a_trois for held in roles) else 2


def acr(faits: frozenset[Facteur]) -> str:
    """The claim `acr`: how many different factors were shown."""
    return str(len(faits))


def amr(faits: frozenset[Facteur]) -> tuple[str, ...]:
    """The claim `amr`: which, in the order in which they are always named."""
    return tuple(facteur.value for facteur in Facteur if facteur in faits)
