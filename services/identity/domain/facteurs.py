"""Which factors a person must show, and what comes next while it signs in (domaine.md §3, ADR 031). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from kit.errors import Refusal
from socle.principal import RoleTenu
from socle.rubriques import Role


class Facteur(StrEnum):
    """A way to prove who one is; its value is what the claim `amr` says.

    RFC 8176 has a name neither for an e-mailed code nor for a recovery code; nor for a key that checked who holds it,
    by a code of its own or a fingerprint, which it does not tell apart: `mfa` says that the key was two factors.
    """

    MOT_DE_PASSE = "pwd"
    EMPLOYEUR = "fed"
    CLE = "hwk"
    VERIFICATION = "mfa"
    TOTP = "otp"
    COURRIEL = "email"
    SMS = "sms"
    SECOURS = "recovery"


MOYENS = (Facteur.CLE, Facteur.TOTP, Facteur.COURRIEL, Facteur.SMS, Facteur.SECOURS)
"""What may be shown after the password, in the order in which it is offered: first what no false site can ask for,
last what is for the day when nothing else is at hand."""
FORTS = frozenset({Facteur.CLE, Facteur.TOTP, Facteur.SECOURS})
"""What one of an administrator's factors has to be: « neither e-mail nor SMS » (domaine.md §3)."""
ENROLES = frozenset({Facteur.CLE, Facteur.TOTP})
"""What a person enrols; whoever has one of them is not asked to."""


ROLES_A_TROIS_FACTEURS = frozenset({Role.ADMIN_NATIONAL, Role.ADMIN_ACADEMIQUE, Role.ADMIN_ETABLISSEMENT})
"""« double authentification, voire triple authentification pour les comptes administrateurs » (Créteil, 2023, addressed
to the administrators of establishments), and « `ADMIN_*`: three » (domaine.md §3). The setting `TROIS_FACTEURS` says
otherwise where that must be."""


ACRS = ("1", "2", "3")
"""The values of the claim `acr`: how many factors were shown; one is a sign-in that a known device has shortened."""


class Etape(Enum):
    """What is asked next: one of `Parcours.moyens`; to enrol a means, choose another password, give one's number or
    prove it; or nothing more.
    """

    MOYEN = auto()
    ENROLEMENT = auto()
    MOT_DE_PASSE = auto()
    NUMERO = auto()
    MOBILE = auto()
    ENROLEMENT_PROPOSE = auto()
    TERMINEE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcours:
    """How far a sign-in is.

    Args:
        requis: how many factors the account's roles ask for, password included.
        faits: those already shown.
        enroles: the means that the account has, beside the e-mailed code, which everyone has.
        premiere: whether the account never signed in before.
        enrolement_decline: whether the person put the enrolment off, in this sign-in.
        epargnes: whether a known device spares the factors after the password.
        renouveler: whether another password is to be chosen.
        mobile: whether a number of the account waits to be proved, and the person did not put that off.
        numero: whether the account has no number.
        mobile_exige: whether its roles ask for one, which nobody puts off.
        par_courriel: whether the password was chosen by a mailed link, and was not shown with another factor since.
        fort: whether one of three factors is neither e-mail nor SMS.
    """

    requis: int
    faits: frozenset[Facteur]
    enroles: frozenset[Facteur]
    premiere: bool
    enrolement_decline: bool = False
    epargnes: bool = False
    renouveler: bool = False
    mobile: bool = False
    numero: bool = False
    mobile_exige: bool = False
    par_courriel: bool = False
    fort: bool = True

    @property
    def etape(self) -> Etape:
        """What to ask next.

        With three factors one is neither e-mail nor SMS. Who has no such means yet shows the e-mailed code first, so
        that a stolen password alone never enrols one, nor chooses another password.
        """
        if self.epargnes:
            return Etape.TERMINEE
        if self.moyens:
            return Etape.MOYEN
        if not self.suffit:
            return Etape.ENROLEMENT
        if self.renouveler:
            return Etape.MOT_DE_PASSE
        if self.numero and self.mobile_exige:
            return Etape.NUMERO
        if self.mobile and (self.premiere or self.mobile_exige):
            return Etape.MOBILE
        proposed = self.requis < 3 and self.premiere and not self.enrolement_decline
        return Etape.ENROLEMENT_PROPOSE if proposed and self.enroles.isdisjoint(ENROLES) else Etape.TERMINEE

    @property
    def moyens(self) -> tuple[Facteur, ...]:
        """What may be shown now, each once in a sign-in, in the order in which it is offered; empty when nothing is
        asked, or when only what is not enrolled yet would do.

        The last one that is asked of three is a strong one, where none was shown. Who has shown a recovery code has
        its key or application out of reach: they come last. Of a password that came by mail the mailbox is no second
        factor, where there is another: who reads it would need nothing else.
        """
        if self.epargnes or self.suffit:
            return ()
        last = self.requis >= 3 and len(self.faits) >= self.requis - 1
        must_be_strong = self.fort and last and self.faits.isdisjoint(FORTS)
        only_mailbox = self.par_courriel and bool(self.enroles) and self.faits <= {Facteur.MOT_DE_PASSE}
        held = (self.enroles | (frozenset() if only_mailbox else {Facteur.COURRIEL})) - self.faits
        offered = [moyen for moyen in MOYENS if moyen in held and (moyen in FORTS or not must_be_strong)]
        return tuple(sorted(offered, key=lambda moyen: Facteur.SECOURS in self.faits and moyen in ENROLES))

    @property
    def suffit(self) -> bool:
        """Whether as many factors are shown as are asked for; of three, one is neither e-mail nor SMS."""
        strong = self.requis < 3 or not self.fort or not self.faits.isdisjoint(FORTS)
        return len(self.faits) >= self.requis and strong


def required_factors(roles: Iterable[RoleTenu], *, a_trois: frozenset[Role] = ROLES_A_TROIS_FACTEURS) -> int:
    """How many factors these roles ask for: two for everyone, three for administrators."""
    return 3 if any(held.role in a_trois for held in roles) else 2


class MoyenIndispensable(Refusal):
    """Without that means the account could not show what its roles ask for."""

    code = "MOYEN_INDISPENSABLE"

    def __init__(self) -> None:
        super().__init__(
            "Un administrateur garde une application ou une clé d'accès : ajoutez-en une avant de retirer celle-ci."
        )


def require_dispensable(moyen: Facteur, enroles: frozenset[Facteur], *, requis: int, fort: bool = True) -> None:
    """Whether an account that has enrolled these means may do without one of them.

    Recovery codes are strong too, but used up: who has nothing else would be locked out by the tenth sign-in.

    Raises:
        MoyenIndispensable: it is an administrator's last.
    """
    if fort and requis >= 3 and (enroles - {moyen}).isdisjoint(ENROLES):
        raise MoyenIndispensable


def asked_factors(acr_values: str) -> int:
    """How many factors a client asks for by `acr_values`: the fewest that it would take; 1 for what we do not know.

    OpenID Connect Core §3.1.2.1 makes of it a wish, which a provider may surpass; RFC 9470 has it met or refused.
    """
    return min((int(value) for value in acr_values.split() if value in ACRS), default=1)


def acr(faits: frozenset[Facteur]) -> str:
    """The claim `acr`: how many different factors were shown."""
    return str(len(faits))


def amr(faits: frozenset[Facteur]) -> tuple[str, ...]:
    """The claim `amr`: which, in the order in which they are always named."""
    return tuple(facteur.value for facteur in Facteur if facteur in faits)
