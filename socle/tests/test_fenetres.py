"""Windows: which instants they hold, in which zone, and what they say when they refuse."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.calendriers import CALENDRIERS, Borne, shipped_calendar
from socle.fenetres import Calendrier, CodeFenetre, EtatFenetre, Fenetre


def window(ouverture: date, echeance: date | None, fermeture: date | None, fuseau: str = "Europe/Paris") -> Fenetre:
    return Fenetre(
        code=CodeFenetre.REMONTEE_SIECLE, ouverture=ouverture, echeance=echeance, fermeture=fermeture, fuseau=fuseau
    )


SIECLE = window(date(2024, 11, 13), date(2025, 1, 10), date(2025, 2, 2))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-11-12T22:59:59+00:00", EtatFenetre.PAS_OUVERTE),
        ("2024-11-12T23:00:00+00:00", EtatFenetre.OUVERTE),
        ("2025-01-10T22:59:59+00:00", EtatFenetre.OUVERTE),
        ("2025-01-10T23:59:59+01:00", EtatFenetre.OUVERTE),
        ("2025-01-10T23:00:00+00:00", EtatFenetre.EN_RETARD),
        ("2025-02-02T22:59:59+00:00", EtatFenetre.EN_RETARD),
        ("2025-02-02T23:00:00+00:00", EtatFenetre.FERMEE),
    ],
)
def test_the_last_day_is_inclusive_and_what_comes_after_the_deadline_is_late(now: str, expected: EtatFenetre) -> None:
    assert SIECLE.state(datetime.fromisoformat(now)) is expected
    assert SIECLE.accepts(datetime.fromisoformat(now)) is (expected in {EtatFenetre.OUVERTE, EtatFenetre.EN_RETARD})


@pytest.mark.parametrize(
    ("fuseau", "day", "start", "end"),
    [
        # To summer: the day has 23 hours.
        ("Europe/Paris", date(2025, 3, 30), "2025-03-29T23:00:00+00:00", "2025-03-30T22:00:00+00:00"),
        # To winter: 25 hours.
        ("Europe/Paris", date(2025, 10, 26), "2025-10-25T22:00:00+00:00", "2025-10-26T23:00:00+00:00"),
        ("Indian/Reunion", date(2025, 3, 30), "2025-03-29T20:00:00+00:00", "2025-03-30T20:00:00+00:00"),
        ("Indian/Mayotte", date(2025, 10, 26), "2025-10-25T21:00:00+00:00", "2025-10-26T21:00:00+00:00"),
        ("America/Martinique", date(2025, 3, 30), "2025-03-30T04:00:00+00:00", "2025-03-31T04:00:00+00:00"),
    ],
)
def test_a_day_is_that_of_its_zone_over_both_changes_of_hour(fuseau: str, day: date, start: str, end: str) -> None:
    fenetre = window(day, None, day, fuseau)
    assert fenetre.debut == datetime.fromisoformat(start)
    assert fenetre.fin == datetime.fromisoformat(end)


def test_without_deadline_nothing_is_late_and_without_closing_nothing_is_refused() -> None:
    fenetre = window(date(2024, 11, 13), None, None)
    assert fenetre.state(datetime(2040, 1, 1, tzinfo=UTC)) is EtatFenetre.OUVERTE
    late = window(date(2024, 11, 13), date(2025, 1, 10), None)
    assert late.state(datetime(2040, 1, 1, tzinfo=UTC)) is EtatFenetre.EN_RETARD


@given(
    st.dates(date(2023, 1, 1), date(2026, 12, 1)),
    st.integers(0, 90),
    st.integers(0, 90),
    st.sampled_from(["Europe/Paris", "Indian/Reunion", "Pacific/Tahiti"]),
    st.datetimes(datetime(2022, 12, 1), datetime(2027, 12, 1)),  # noqa: DTZ001 - made aware below
)
def test_the_states_follow_each_other_in_time(
    opening: date, days: int, more: int, fuseau: str, moment: datetime
) -> None:
    fenetre = window(opening, opening + timedelta(days), opening + timedelta(days + more), fuseau)
    order = list(EtatFenetre)
    now = moment.replace(tzinfo=UTC)
    assert order.index(fenetre.state(now)) <= order.index(fenetre.state(now + timedelta(hours=7)))


def test_a_window_whose_days_do_not_follow_each_other_is_refused() -> None:
    with pytest.raises(ValueError, match="dans cet ordre"):
        window(date(2025, 1, 10), date(2025, 1, 9), None)
    with pytest.raises(ValueError, match="dans cet ordre"):
        window(date(2025, 1, 10), date(2025, 2, 1), date(2025, 1, 31))


@pytest.mark.parametrize(
    "fuseau", ["Europe", "a" * 5000, "Europe/Lutece", "", "../etc/passwd", "/etc/passwd", "localtime", "a\0b"]
)
def test_a_zone_that_is_none_is_refused_in_french_whatever_was_typed(fuseau: str) -> None:
    with pytest.raises(ValueError, match="n'est pas un fuseau horaire connu") as refused:
        window(date(2025, 1, 10), None, None, fuseau)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("year", [1, 1999, 2100, 9999])
def test_a_year_out_of_all_measure_is_refused(year: int) -> None:
    for days in ((date(year, 12, 31), None, None), (date(2000, 1, 1), None, date(year, 12, 31))):
        with pytest.raises(ValueError, match=r"entre 2000 et 2099|dans cet ordre"):
            window(*days)


def test_a_refusal_says_when_it_opens_or_was_open() -> None:
    before = SIECLE.refusal(datetime(2024, 10, 1, tzinfo=UTC))
    assert before is not None
    assert before.startswith("Remontée des fichiers SIECLE : ")
    assert "13/11/2024" in before
    after = SIECLE.refusal(datetime(2025, 3, 1, tzinfo=UTC))
    assert after is not None
    assert "du 13/11/2024 au 02/02/2025 inclus" in after
    assert SIECLE.refusal(datetime(2025, 1, 20, tzinfo=UTC)) is None
    overseas = window(date(2024, 11, 13), None, date(2025, 2, 2), "Indian/Reunion")
    assert "(heure de Reunion)" in str(overseas.refusal(datetime(2025, 3, 1, tzinfo=UTC)))


def test_an_academies_own_window_stands_in_place_of_the_nations() -> None:
    calendar = shipped_calendar(2025)
    own = Fenetre(
        code=CodeFenetre.INSCRIPTION_VOEUX,
        ouverture=date(2025, 1, 15),
        fermeture=date(2025, 3, 20),
        fuseau="Indian/Reunion",
    )
    calendar = Calendrier(
        session=2025, fenetres=calendar.fenetres, derogations={"la-reunion": {CodeFenetre.INSCRIPTION_VOEUX: own}}
    )
    assert calendar.fenetre(CodeFenetre.INSCRIPTION_VOEUX, "la-reunion") is own
    nation = calendar.fenetre(CodeFenetre.INSCRIPTION_VOEUX, "creteil")
    assert nation is calendar.fenetre(CodeFenetre.INSCRIPTION_VOEUX)
    assert nation is not None
    assert nation.fermeture == date(2025, 3, 13)
    assert calendar.fenetre(CodeFenetre.REMONTEE_NOTES, "la-reunion") is calendar.fenetres[CodeFenetre.REMONTEE_NOTES]


def test_a_session_may_lack_a_window() -> None:
    assert shipped_calendar(2024).fenetre(CodeFenetre.ACTIVATION) is None


@pytest.mark.parametrize(
    ("session", "code", "ouverture", "echeance", "fermeture"),
    [
        (2024, CodeFenetre.PARAMETRAGE, date(2023, 11, 13), None, date(2023, 12, 13)),
        (2024, CodeFenetre.CAPACITES_FRAIS, date(2023, 11, 13), None, date(2024, 1, 12)),
        (2024, CodeFenetre.ADMISSION_COMPLEMENTAIRE, date(2024, 6, 11), None, date(2024, 9, 12)),
        (2024, CodeFenetre.RAPPORTS_PUBLICS, date(2024, 9, 9), date(2024, 10, 14), None),
        (2024, CodeFenetre.TABLEAU_SYNTHETIQUE, date(2024, 9, 19), None, None),
        (2025, CodeFenetre.REMONTEE_SIECLE, date(2024, 11, 13), date(2025, 1, 10), date(2025, 2, 2)),
        (2025, CodeFenetre.REMONTEE_NOTES, date(2025, 2, 3), None, date(2025, 3, 27)),
        (2025, CodeFenetre.INSCRIPTION_VOEUX, date(2025, 1, 15), None, date(2025, 3, 13)),
        (2023, CodeFenetre.ARCHIVE, date(2023, 11, 13), None, None),
    ],
)
def test_the_shipped_calendars_have_the_dates_of_the_documents(
    session: int, code: CodeFenetre, ouverture: date, echeance: date | None, fermeture: date | None
) -> None:
    fenetre = shipped_calendar(session).fenetre(code)
    assert fenetre is not None
    assert (fenetre.ouverture, fenetre.echeance, fenetre.fermeture) == (ouverture, echeance, fermeture)


def test_a_date_that_no_source_gives_is_marked_as_assumed() -> None:
    lines = {line.fenetre.code: line for line in CALENDRIERS[2025]}
    assert lines[CodeFenetre.REMONTEE_SIECLE].supposees == {Borne.OUVERTURE, Borne.FERMETURE}
    assert not lines[CodeFenetre.REMONTEE_NOTES].suppose


def test_a_session_has_each_window_once() -> None:
    for session, lines in CALENDRIERS.items():
        assert len(shipped_calendar(session).fenetres) == len(lines)


def test_the_archive_of_a_session_opens_before_the_next_sites_first_year_is_over() -> None:
    for session in (2024, 2025):
        calendar = shipped_calendar(session)
        archive, end = calendar.fenetre(CodeFenetre.ARCHIVE), calendar.fenetre(CodeFenetre.DEMANDES_MOTIFS)
        assert archive is not None
        assert end is not None
        assert end.fin is not None
        assert end.fin < archive.debut


def test_every_code_has_a_french_name() -> None:
    assert all(code.libelle for code in CodeFenetre)
    assert CodeFenetre("REMONTEE_NOTES").libelle == "Remontée des notes de terminale"
