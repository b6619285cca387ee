"""The calendars that ship with the product (domaine.md §2): sessions 2024 and 2025, and 2023, which is archived."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from socle.fenetres import Calendrier, CodeFenetre, Fenetre


class Borne(StrEnum):
    """A date of a window."""

    OUVERTURE = "OUVERTURE"
    ECHEANCE = "ECHEANCE"
    FERMETURE = "FERMETURE"


@dataclass(frozen=True, slots=True)
class LigneCalendrier:
    """A window as shipped, and which of its dates are assumed for want of a source (≈ in domaine.md §2)."""

    fenetre: Fenetre
    supposees: frozenset[Borne]

    @property
    def suppose(self) -> bool:
        return bool(self.supposees)


@dataclass(frozen=True, slots=True)
class _Jour:
    jour: date
    suppose: bool


type _Texte = str | None


def _jour(text: _Texte) -> _Jour | None:
    """`≈ 13/11/2024` or `13/11/2024`: a day, and whether it is assumed."""
    if text is None:
        return None
    suppose = text.startswith("≈")
    day, month, year = (int(part) for part in text.removeprefix("≈").strip().split("/"))
    return _Jour(date(year, month, day), suppose)


def _ligne(code: CodeFenetre, ouverture: str, *, echeance: _Texte = None, fermeture: _Texte = None) -> LigneCalendrier:
    bornes = {
        Borne.OUVERTURE: _jour(ouverture),
        Borne.ECHEANCE: _jour(echeance),
        Borne.FERMETURE: _jour(fermeture),
    }
    days = {borne: dated.jour for borne, dated in bornes.items() if dated is not None}
    return LigneCalendrier(
        Fenetre(
            code=code,
            ouverture=days[Borne.OUVERTURE],
            echeance=days.get(Borne.ECHEANCE),
            fermeture=days.get(Borne.FERMETURE),
        ),
        frozenset(borne for borne, dated in bornes.items() if dated is not None and dated.suppose),
    )


_C = CodeFenetre

# Where the page gives a window no opening day, that of the site de gestion, or of the phase it belongs to, is assumed.
CALENDRIERS: dict[int, tuple[LigneCalendrier, ...]] = {
    2023: (
        # « L'accès à votre site Archive 2023 est possible à présent » (Amiens, 13/11/2023).
        _ligne(_C.ARCHIVE, "13/11/2023"),
    ),
    2024: (
        _ligne(_C.SITE_GESTION, "13/11/2023"),
        _ligne(_C.ETABLISSEMENT, "13/11/2023"),
        _ligne(_C.PARAMETRAGE, "13/11/2023", fermeture="13/12/2023"),
        _ligne(_C.CAPACITES_FRAIS, "≈ 13/11/2023", fermeture="12/01/2024"),
        _ligne(_C.FORMATIONS_PUBLIQUES, "20/12/2023"),
        _ligne(_C.REMONTEE_SIECLE, "≈ 13/11/2023", echeance="≈ 12/01/2024"),
        _ligne(_C.VIVIER_INITIAL, "≈ 13/11/2023", fermeture="≈ 12/01/2024"),
        _ligne(_C.INSCRIPTION_VOEUX, "17/01/2024", fermeture="14/03/2024"),
        _ligne(_C.DOSSIERS, "≈ 17/01/2024", fermeture="03/04/2024"),
        _ligne(_C.ADMISSION_PRINCIPALE, "30/05/2024", fermeture="12/07/2024"),
        _ligne(_C.ADMISSION_COMPLEMENTAIRE, "11/06/2024", fermeture="12/09/2024"),
        _ligne(_C.APPRENTISSAGE, "≈ 30/05/2024", fermeture="14/10/2024"),
        _ligne(_C.CAES, "≈ 05/07/2024", fermeture="14/10/2024"),
        _ligne(_C.DECISIONS_FINALES, "13/09/2024"),
        _ligne(_C.DEMANDES_MOTIFS, "13/09/2024", fermeture="14/10/2024"),
        _ligne(_C.RAPPORTS_PUBLICS, "09/09/2024", echeance="14/10/2024"),
        _ligne(_C.TABLEAU_SYNTHETIQUE, "19/09/2024"),
        _ligne(_C.ARCHIVE, "12/11/2024"),
    ),
    2025: (
        _ligne(_C.SITE_GESTION, "≈ 13/11/2024"),
        _ligne(_C.ETABLISSEMENT, "≈ 13/11/2024"),
        _ligne(_C.PARAMETRAGE, "≈ 13/11/2024", fermeture="≈ 11/12/2024"),
        _ligne(_C.CAPACITES_FRAIS, "≈ 13/11/2024", fermeture="≈ 10/01/2025"),
        _ligne(_C.FORMATIONS_PUBLIQUES, "18/12/2024"),
        # « jusqu'au 10 janvier 2025 » (Créteil, 12/2024); from the web service on, files are no longer taken.
        _ligne(_C.REMONTEE_SIECLE, "≈ 13/11/2024", echeance="10/01/2025", fermeture="≈ 02/02/2025"),
        _ligne(_C.VIVIER_INITIAL, "≈ 13/11/2024", fermeture="≈ 10/01/2025"),
        _ligne(_C.ACTIVATION, "≈ 13/01/2025"),
        _ligne(_C.INSCRIPTION_VOEUX, "15/01/2025", fermeture="13/03/2025"),
        _ligne(_C.WEB_SERVICE_SIECLE, "≈ 03/02/2025"),
        _ligne(_C.VERROU_SIECLE, "≈ 03/02/2025"),
        _ligne(_C.REMONTEE_NOTES, "03/02/2025", fermeture="27/03/2025"),
        _ligne(_C.DOSSIERS, "≈ 15/01/2025", fermeture="02/04/2025"),
        _ligne(_C.ADMISSION_PRINCIPALE, "02/06/2025", fermeture="10/07/2025"),
        _ligne(_C.ADMISSION_COMPLEMENTAIRE, "11/06/2025", fermeture="11/09/2025"),
        _ligne(_C.APPRENTISSAGE, "≈ 02/06/2025", fermeture="≈ 13/10/2025"),
        _ligne(_C.CAES, "≈ 04/07/2025", fermeture="≈ 13/10/2025"),
        _ligne(_C.DECISIONS_FINALES, "≈ 12/09/2025"),
        _ligne(_C.DEMANDES_MOTIFS, "≈ 12/09/2025", fermeture="≈ 13/10/2025"),
        _ligne(_C.RAPPORTS_PUBLICS, "≈ 08/09/2025", echeance="≈ 13/10/2025"),
        _ligne(_C.TABLEAU_SYNTHETIQUE, "≈ 18/09/2025"),
        _ligne(_C.ARCHIVE, "≈ 12/11/2025"),
    ),
}


def shipped_calendar(session: int) -> Calendrier:
    """The calendar of a session as it ships, before anybody changed it.

    Raises:
        KeyError: none ships for that session.
    """
    return Calendrier(session=session, fenetres={line.fenetre.code: line.fenetre for line in CALENDRIERS[session]})
