"""The import of SIECLE files as an operation, from the deposit to the report (domaine.md §5.1). Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from kit.errors import Refusal
from kit.versions import NEW, Version
from services.eleves.rapport import Rapport
from services.eleves.siecle.changements import Changement, Nature

VALIDITE = timedelta(minutes=10)
"""« valid 10 minutes » (architecture §7)."""

BAIL = timedelta(seconds=20)
"""≈ ours (ADR 012): how long a process may be silent at work before another takes it over. It speaks four times in
that, and a chunk that is tried as often as it may be takes ten seconds (kit.mongo.transactions)."""


class EtatImport(StrEnum):
    """Where an import is; EXPIRE: its files did not all come in time."""

    ATTENDU = "ATTENDU"
    EXPIRE = "EXPIRE"
    RECU = "RECU"
    EN_COURS = "EN_COURS"
    TERMINE = "TERMINE"
    REFUSE = "REFUSE"
    ECHOUE = "ECHOUE"


class DepotClos(Refusal):
    """The file came already, or the ten minutes are over."""

    code = "DEPOT_CLOS"

    def __init__(self) -> None:
        super().__init__(
            "Cette adresse de dépôt a déjà servi ou n'est plus valable : demandez-en une autre.", champ="fichier"
        )


class AutreTitulaire(Exception):
    """Another process has taken the import over: this one stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fichier:
    """A file that is announced, then received.

    Args:
        taille: bytes.
        sha256: in hexadecimal.
        contenu: where it is kept; None as long as it has not come, and once it is erased.
    """

    id: str
    nom: str
    taille: int
    sha256: str
    contenu: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Travail:
    """How far the changes of an import have been applied.

    Args:
        titulaire: the process at work, until `jusqu_a` unless it says more.
        appliques: how many changes of each nature have been applied, by this process or one before it.
        arrives: the students whom they brought from other schools: after a crash they are students like the others.
        total: how many changes there are; None until they are known.
        cedees: the addresses that students have given up with what is applied, to be freed at the end (fingerprint to
            student): after a crash the students no longer tell.
    """

    titulaire: str
    jusqu_a: datetime
    essais: int
    appliques: Mapping[Nature, int] = field(default_factory=dict)
    arrives: frozenset[str] = frozenset()
    total: int | None = None
    cedees: Mapping[str, str] = field(default_factory=dict)

    @property
    def traites(self) -> int:
        return sum(self.appliques.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSiecle:
    """What a school sends at once, and what becomes of it.

    Args:
        compte: who sends it.
        expire_le: until when its files are awaited.
        place: which of those that its account has it takes, as long as its files are awaited (ADR 011).
        depose_le: when the last of them was received.
        en_retard: whether that was after the deadline: accepted, and marked.
        vivier_gele: whether the vivier initial was frozen by then.
        trace: the trace that the work continues.
    """

    id: str
    session: int
    uai: str
    academie: str
    compte: str
    fichiers: tuple[Fichier, ...]
    demande_le: datetime
    expire_le: datetime
    etat: EtatImport = EtatImport.ATTENDU
    place: int | None = None
    depose_le: datetime | None = None
    en_retard: bool = False
    vivier_gele: bool = False
    trace: Mapping[str, str] = field(default_factory=dict)
    travail: Travail | None = None
    rapport: Rapport | None = None
    refus: tuple[str, str] | None = None
    version: Version = NEW

    @property
    def over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.etat in {EtatImport.EXPIRE, EtatImport.TERMINE, EtatImport.REFUSE, EtatImport.ECHOUE}

    @property
    def resumed(self) -> bool:
        """Whether a try of it was cut short: what that one did is not known but by its changes."""
        return self.travail is not None and self.travail.essais > 1

    def fichier(self, id: str) -> Fichier | None:
        return next((fichier for fichier in self.fichiers if fichier.id == id), None)

    def awaits(self, fichier: str, *, now: datetime) -> Fichier:
        """The file of that id, if it may come now.

        Raises:
            DepotClos: it came already, or too late.
        """
        found = self.fichier(fichier)
        if found is None or found.contenu is not None or self.etat is not EtatImport.ATTENDU or now >= self.expire_le:
            raise DepotClos
        return found

    def receive(
        self,
        fichier: str,
        contenu: str,
        *,
        now: datetime,
        en_retard: bool,
        vivier_gele: bool,
        trace: Mapping[str, str],
    ) -> Self:
        """A file has come; with the last one, the import may begin.

        Raises:
            DepotClos: it came already, or too late.
        """
        self.awaits(fichier, now=now)
        fichiers = tuple(replace(f, contenu=contenu) if f.id == fichier else f for f in self.fichiers)
        received = replace(self, fichiers=fichiers)
        if any(f.contenu is None for f in fichiers):
            return received
        return replace(
            received,
            etat=EtatImport.RECU,
            place=None,
            depose_le=now,
            en_retard=en_retard,
            vivier_gele=vivier_gele,
            trace=dict(trace),
        )

    def expire(self, *, now: datetime) -> Self:
        """The same, ended if files are still awaited and the time for them is over."""
        if self.etat is not EtatImport.ATTENDU or now < self.expire_le:
            return self
        return replace(self, etat=EtatImport.EXPIRE, place=None)

    def forget_files(self) -> Self:
        """The same, once the contents of its files are erased."""
        return replace(self, fichiers=tuple(replace(fichier, contenu=None) for fichier in self.fichiers))

    def take(self, titulaire: str, *, now: datetime) -> Self:
        """A process begins the work, or goes on with it where another stopped."""
        held = self.travail or Travail(titulaire=titulaire, jusqu_a=now, essais=0)
        return replace(
            self,
            etat=EtatImport.EN_COURS,
            travail=replace(held, titulaire=titulaire, jusqu_a=now + BAIL, essais=held.essais + 1),
        )

    def take_again(self, titulaire: str, *, now: datetime) -> Self:
        """The same process begins once more.

        Raises:
            AutreTitulaire: another process has the import.
        """
        held = self._held_by(titulaire)
        return replace(self, travail=replace(held, essais=held.essais + 1, jusqu_a=now + BAIL))

    def renew(self, titulaire: str, *, now: datetime) -> Self:
        """The same process is still at work.

        Raises:
            AutreTitulaire: another process has the import.
        """
        return replace(self, travail=replace(self._held_by(titulaire), jusqu_a=now + BAIL))

    def advance(
        self,
        titulaire: str,
        changements: Sequence[Changement],
        *,
        restants: int,
        cedees: Mapping[str, str],
        now: datetime,
    ) -> Self:
        """These changes are applied with this one; `restants` are left after them.

        Raises:
            AutreTitulaire: another process has the import.
        """
        travail = self._held_by(titulaire)
        appliques = Counter(travail.appliques)
        appliques.update(changement.nature for changement in changements)
        advanced = replace(
            travail,
            appliques=dict(appliques),
            arrives=travail.arrives | {c.eleve.id for c in changements if c.nature is Nature.ARRIVE},
            total=appliques.total() + restants,
            cedees={**travail.cedees, **cedees},
            jusqu_a=now + BAIL,
        )
        return replace(self, travail=advanced)

    def finish(self, titulaire: str, rapport: Rapport) -> Self:
        """All is applied.

        Raises:
            AutreTitulaire: another process has the import.
        """
        self._held_by(titulaire)
        return replace(self, etat=EtatImport.TERMINE, rapport=rapport)

    def refuse(self, titulaire: str, refus: Refusal) -> Self:
        """The files as a whole cannot be taken: nothing has changed.

        Raises:
            AutreTitulaire: another process has the import.
        """
        self._held_by(titulaire)
        return replace(self, etat=EtatImport.REFUSE, refus=(refus.code, refus.message))

    def fail(self, titulaire: str) -> Self:
        """We could not do it.

        Raises:
            AutreTitulaire: another process has the import.
        """
        self._held_by(titulaire)
        message = (
            "Une erreur de notre côté a empêché cet import ; ce qui est déjà pris en compte le reste : refaites "
            "l'envoi, et écrivez à votre académie si l'erreur persiste."
        )
        return replace(self, etat=EtatImport.ECHOUE, refus=("ERREUR_INTERNE", message))

    def _held_by(self, titulaire: str) -> Travail:
        travail = self.travail
        if self.etat is not EtatImport.EN_COURS or travail is None or travail.titulaire != titulaire:
            raise AutreTitulaire
        return travail
