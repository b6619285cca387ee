"""The campaign's calendar, as the national team keeps it (domaine.md §2). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kit.errors import Refusal
from kit.versions import NEW, Version
from socle.calendriers import CALENDRIERS, shipped_calendar
from socle.fenetres import Calendrier, CodeFenetre, Fenetre


class FenetreInconnue(Refusal):
    """The session has no such window, so an académie cannot have its own."""

    code = "FENETRE_INCONNUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendrierSession:
    """The calendar of a session, as an aggregate."""

    calendrier: Calendrier
    version: Version = NEW

    @property
    def id(self) -> str:
        return str(self.calendrier.session)

    def change(self, fenetre: Fenetre) -> "CalendrierSession":
        """Set a window of the nation; académies that have their own keep it."""
        fenetres = {**self.calendrier.fenetres, fenetre.code: fenetre}
        return replace(self, calendrier=replace(self.calendrier, fenetres=fenetres))

    def override(self, academie: str, fenetre: Fenetre) -> "CalendrierSession":
        """Give an académie its own window (La Réunion and Mayotte close the wishes later: domaine.md §2).

        Raises:
            FenetreInconnue: the nation has no such window in this session.
        """
        if fenetre.code not in self.calendrier.fenetres:
            raise self._unknown(fenetre.code)
        own = {**self.calendrier.derogations.get(academie, {}), fenetre.code: fenetre}
        return self._with_overrides({**self.calendrier.derogations, academie: own})

    def withdraw(self, academie: str, code: CodeFenetre) -> "CalendrierSession":
        """Take an académie's own window away: the nation's holds again. Nothing changes where there is none."""
        derogations = dict(self.calendrier.derogations)
        own = {held: fenetre for held, fenetre in derogations.pop(academie, {}).items() if held is not code}
        return self._with_overrides(derogations | {academie: own} if own else derogations)

    def _with_overrides(self, derogations: Mapping[str, Mapping[CodeFenetre, Fenetre]]) -> "CalendrierSession":
        return replace(self, calendrier=replace(self.calendrier, derogations=derogations))

    def _unknown(self, code: CodeFenetre) -> FenetreInconnue:
        return FenetreInconnue(f"La session {self.id} n'a pas de fenêtre « {code.libelle} ».", champ="code")


def shipped() -> list[CalendrierSession]:
    """The calendars that come with the product."""
    return [CalendrierSession(calendrier=shipped_calendar(session)) for session in CALENDRIERS]
