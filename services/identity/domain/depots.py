"""Lists of persons to invite that are sent as a file: announced, received, then treated row by row (ADR 035). Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kit.errors import Refusal

VALIDITE = timedelta(minutes=10)
"""« a single-use URL […] valid 10 minutes » (architecture §7)."""
OCTETS = 2 * 1024**2
"""≈ ours: bytes of a file; five thousand rows of a workbook have some 300,000."""
EN_ATTENTE = 5
"""≈ ours: files that an account may have announced and not sent, as for other deposits (ADR 011)."""
GARDE = timedelta(days=30)
"""« raw uploads 30 days » (architecture §11): for as long a report is kept; the file itself never is."""
JOUR = timedelta(days=1)


class EtatDepot(StrEnum):
    """Where a file is; EXPIRE: it did not come in time."""

    ATTENDU = "ATTENDU"
    EXPIRE = "EXPIRE"
    REFUSE = "REFUSE"
    EN_COURS = "EN_COURS"
    TERMINE = "TERMINE"


class IssueLigne(StrEnum):
    """What became of a row."""

    INVITE = "INVITE"
    ROLE_DONNE = "ROLE_DONNE"
    INCHANGE = "INCHANGE"
    REFUSE = "REFUSE"


class DepotInvalide(Refusal):
    """What is announced cannot be."""

    code = "DEPOT_INVALIDE"


class TropDeDepots(Refusal):
    """As many files as an account may announce are awaited."""

    code = "TROP_DE_DEPOTS"

    def __init__(self) -> None:
        super().__init__(
            f"Vous avez déjà annoncé {EN_ATTENTE} fichiers : envoyez-les, ou attendez dix minutes qu'ils expirent."
        )


class TropDInvites(Refusal):
    """The account has invited as many by files as it may within a day."""

    code = "TROP_D_INVITES"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"Vos fichiers d'un jour comptent au plus {most} lignes : renvoyez celui-ci demain.", champ="fichier"
        )


class ContenuInattendu(Refusal):
    """What came is not what was announced."""

    code = "CONTENU_INATTENDU"

    def __init__(self) -> None:
        super().__init__(
            "Le fichier n'est pas arrivé tel qu'il a été annoncé (taille ou empreinte) : renvoyez-le.", champ="fichier"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Why a file, or a row of it, was refused: for a person to read."""

    code: str
    message: str
    champ: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """A file that was announced.

    Args:
        id: opaque; whoever knows it can do nothing without the token of `compte` (ADR 011).
        taille: bytes.
        sha256: of its bytes, in hexadecimal.
        recu_le: when it came; or when it was given up, after a restoration.
        lignes: how many persons it names, once it was taken.
        refus: why it was not.
    """

    id: str
    compte: str
    taille: int
    sha256: str
    demande_le: datetime
    expire_le: datetime
    recu_le: datetime | None = None
    lignes: int | None = None
    refus: Refuse | None = None

    def etat(self, *, restantes: int, now: datetime) -> EtatDepot:
        """Where it is, when `restantes` of its rows are still to be treated."""
        if self.refus is not None:
            return EtatDepot.REFUSE
        if self.lignes is not None:
            return EtatDepot.EN_COURS if restantes else EtatDepot.TERMINE
        return EtatDepot.ATTENDU if self.recu_le is None and now < self.expire_le else EtatDepot.EXPIRE


@dataclass(frozen=True, slots=True, kw_only=True)
class LigneTraitee:
    """What the report says of a row; `issue` is None as long as it waits, `compte` unless it has one."""

    numero: int
    issue: IssueLigne | None
    compte: str | None = None
    refus: Refuse | None = None


RESTAURATION = Refuse(
    code="RESTAURATION",
    message="La plateforme a été restaurée d'une sauvegarde avant de traiter cette ligne : renvoyez le fichier.",
)
ERREUR = Refuse(
    code="ERREUR_INTERNE",
    message="Une erreur de notre côté a empêché cette invitation : renvoyez le fichier, et écrivez à votre académie si "
    "elle persiste.",
)
