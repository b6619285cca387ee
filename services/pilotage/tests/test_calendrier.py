"""The calendar of a session: rules, without any server."""

from datetime import UTC, date, datetime

import pytest

from services.pilotage.domain import CalendrierSession, FenetreInconnue, shipped
from socle.calendriers import shipped_calendar
from socle.fenetres import CodeFenetre, EtatFenetre, Fenetre

SIECLE = CodeFenetre.REMONTEE_SIECLE
PLUS_TARD = Fenetre(code=SIECLE, ouverture=date(2024, 11, 13), echeance=date(2025, 1, 17))


@pytest.fixture
def session_2025() -> CalendrierSession:
    return CalendrierSession(calendrier=shipped_calendar(2025))


def test_the_calendars_of_2023_2024_and_2025_ship_with_the_product() -> None:
    assert [held.id for held in shipped()] == ["2023", "2024", "2025"]


def test_an_academies_own_window_stands_in_place_of_the_nations_there_and_nowhere_else(
    session_2025: CalendrierSession,
) -> None:
    changed = session_2025.override("creteil", PLUS_TARD).calendrier
    late = datetime(2025, 1, 15, 9, tzinfo=UTC)
    assert (changed.fenetre(SIECLE, "creteil") or PLUS_TARD).state(late) is EtatFenetre.OUVERTE
    lyon = changed.fenetre(SIECLE, "lyon")
    assert lyon is not None
    assert lyon.state(late) is EtatFenetre.EN_RETARD


def test_a_window_withdrawn_gives_the_nations_back(session_2025: CalendrierSession) -> None:
    assert session_2025.override("creteil", PLUS_TARD).withdraw("creteil", SIECLE) == session_2025
    assert session_2025.withdraw("creteil", SIECLE) == session_2025


def test_changing_the_nations_window_leaves_an_academies_own(session_2025: CalendrierSession) -> None:
    nation = Fenetre(code=SIECLE, ouverture=date(2024, 12, 1))
    changed = session_2025.override("creteil", PLUS_TARD).change(nation).calendrier
    assert changed.fenetre(SIECLE) == nation
    assert changed.fenetre(SIECLE, "creteil") == PLUS_TARD


def test_an_academie_cannot_have_a_window_that_the_session_has_not() -> None:
    archived = CalendrierSession(calendrier=shipped_calendar(2023))
    with pytest.raises(FenetreInconnue, match="SIECLE"):
        archived.override("creteil", PLUS_TARD)
