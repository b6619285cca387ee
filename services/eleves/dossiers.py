"""The candidates' files: what their own site says of them, and whom and where it concerns (domaine.md §5.2). Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from kit.versions import NEW, Version


class EtatVoeu(StrEnum):
    """Where a wish stands (domaine.md §5.2)."""

    FORMULE = "FORMULE"
    CONFIRME = "CONFIRME"
    CLASSE = "CLASSE"
    PROPOSITION = "PROPOSITION"
    EN_ATTENTE = "EN_ATTENTE"
    ACCEPTE = "ACCEPTE"
    REFUSE = "REFUSE"
    DEMISSION = "DEMISSION"
    REFUS_FORMATION = "REFUS_FORMATION"


class Voeu(NamedTuple):
    """A wish in its present state, with the days of what led there.

    formation: its id, session/code.
    rang: 0 where there is none.
    academie: slug of the formation's; None as long as the offer has not said it.
    """

    formation: str
    etat: EtatVoeu
    formule_le: date | None
    confirme_le: date | None
    rang: int
    proposition_le: date | None
    reponse_le: date | None
    academie: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenu:
    """What the candidate has put in its file.

    Args:
        ine: None where it gave none, or something that no student can have; such a file has no student for now.
        inscrit_le: None for an account from seconde or première, which is no registration.
        demission_le: the day it left the procedure.
        cordees_consenties: it lets formations see its part in the Cordées de la réussite (domaine.md §5.2).
    """

    ine: str | None
    inscrit_le: date | None
    demission_le: date | None
    cordees_consenties: bool
    voeux: tuple[Voeu, ...]


class EtatRecu(NamedTuple):
    """A candidate's file as its site says it; `contenu` is None when it is erased there.

    version: of the site's own count.
    """

    id: str
    session: int
    version: Version
    contenu: Contenu | None


class Porteur(NamedTuple):
    """A student who has an INE, as far as finding whose file is whose goes."""

    eleve: str
    uai: str
    academie: str
    present: bool
    arrive_le: datetime


class Rattachement(NamedTuple):
    """The student whose file it is, and where that student is."""

    eleve: str
    uai: str
    academie: str


type Porteurs = Mapping[tuple[int, str], Sequence[Porteur]]
"""The students of a session who have an INE."""


def choose(porteurs: Sequence[Porteur]) -> Rattachement | None:
    """Whose file it is, of those who have its INE; None when nobody has.

    Who is present comes first. Two may be, for the days of a move in which a lycée has sent the student as a new one
    and the other has not let it go yet: the one who arrived last by SIECLE's clock is where the student now is. The
    choice hangs on who they are alone, not on the order in which they came to be known.
    """
    if not porteurs:
        return None
    chosen = max(porteurs, key=lambda p: (p.present, p.arrive_le, p.eleve))
    return Rattachement(chosen.eleve, chosen.uai, chosen.academie)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """The file of a candidate in a session.

    Args:
        id: session/number of the file.
        recu: the version of the site's state that it holds; an older one changes nothing.
        contenu: None once erased; `recu` stays, so that a late state revives nobody.
        rattachement: None for those who are in no lycée, a third of all, and those whose lycée has not sent them yet.
        academie_origine: the académie that is told of the whole file: its student's, if open.
        academies_accueil: those that were ever told of wishes for their formations, and are told until it is erased:
            when the last wish there goes, that there is none left.
        version: ours, under which it is published.
    """

    id: str
    session: int
    recu: Version
    contenu: Contenu | None = None
    rattachement: Rattachement | None = None
    academie_origine: str | None = None
    academies_accueil: frozenset[str] = frozenset()
    version: Version = NEW

    @property
    def ine(self) -> str | None:
        return None if self.contenu is None else self.contenu.ine

    @property
    def voeux(self) -> tuple[Voeu, ...]:
        return () if self.contenu is None else self.contenu.voeux

    @property
    def en_attente(self) -> tuple[str, ...]:
        """The formations of its wishes that the offer has not told of yet."""
        return tuple(voeu.formation for voeu in self.voeux if voeu.academie is None)

    def confirmed_in(self, academie: str) -> tuple[Voeu, ...]:
        """What hosts may see of it in that académie: its confirmed wishes there, and no others (architecture §4)."""
        return tuple(voeu for voeu in self.voeux if voeu.academie == academie and voeu.confirme_le is not None)

    def receive(self, etat: EtatRecu) -> Self:
        """The file as its site now says it, if that is newer; formations that it named before keep their place."""
        if etat.version <= self.recu:
            return self
        known = {voeu.formation: voeu.academie for voeu in self.voeux if voeu.academie is not None}
        return replace(self, recu=etat.version, contenu=etat.contenu).locate(known)

    def place(self, porteurs: Porteurs, academies: Mapping[str, str], *, ouvertes: Collection[str]) -> Self:
        """The file with its student, the places of its wishes and who is told of it, as far as is known now.

        Args:
            porteurs: the students who have its INE, among others.
            academies: of the formations that it waits for, among others.
            ouvertes: the académies that are open; the others have no topic.
        """
        found = choose(porteurs.get((self.session, self.ine), ())) if self.ine else None
        return replace(self, rattachement=found).locate(academies).announce(ouvertes)

    def locate(self, academies: Mapping[str, str]) -> Self:
        """The file with the académies of those of its formations of which it did not know them."""
        if self.contenu is None or academies.keys().isdisjoint(self.en_attente):
            return self
        voeux = tuple(
            voeu._replace(academie=academies.get(voeu.formation)) if voeu.academie is None else voeu
            for voeu in self.contenu.voeux
        )
        return replace(self, contenu=replace(self.contenu, voeux=voeux))

    def announce(self, ouvertes: Collection[str]) -> Self:
        """The file with the académies that have to be told of it, of those that are open."""
        if self.contenu is None:
            return replace(self, academie_origine=None, academies_accueil=frozenset())
        origine = self.rattachement.academie if self.rattachement is not None else None
        hosts = {voeu.academie for voeu in self.voeux if voeu.academie is not None and voeu.confirme_le is not None}
        return replace(
            self,
            academie_origine=origine if origine in ouvertes else None,
            academies_accueil=self.academies_accueil | hosts.intersection(ouvertes),
        )

    def leave(self) -> Self:
        """The file without its student: what the académie that this one leaves for another is told."""
        return replace(self, rattachement=None, academie_origine=None)


def new_dossier(etat: EtatRecu) -> Dossier:
    """A file that was not known before."""
    return Dossier(id=etat.id, session=etat.session, recu=etat.version, contenu=etat.contenu)
