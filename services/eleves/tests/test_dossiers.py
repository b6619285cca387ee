"""The candidates' files: whose each is, who is told of it, and what breaks the contract of the candidates' site."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.consumer.messages import Received, Unreadable
from kit.versions import Version
from proto.candidats.v1 import dossiers_pb2
from services.eleves.consumers import read_etat
from services.eleves.dossiers import (
    Contenu,
    Dossier,
    EtatRecu,
    EtatVoeu,
    Porteur,
    Rattachement,
    Voeu,
    choose,
    new_dossier,
)

INE = "123456789AB"
MARDI = date(2025, 1, 21)
ARRIVE = datetime(2024, 12, 2, tzinfo=UTC)
OUVERTES = frozenset({"creteil", "rennes"})
PORTEUR = Porteur("2025/E1", "0779000P", "creteil", present=True, arrive_le=ARRIVE)


def voeu(code: str, *, confirme: bool = True, academie: str | None = None) -> Voeu:
    etat = EtatVoeu.CONFIRME if confirme else EtatVoeu.FORMULE
    return Voeu(f"2025/{code}", etat, MARDI, MARDI if confirme else None, 0, None, None, academie)


def etat(n: int, *voeux: Voeu, ine: str | None = INE) -> EtatRecu:
    contenu = Contenu(ine=ine, inscrit_le=MARDI, demission_le=None, cordees_consenties=False, voeux=voeux)
    return EtatRecu("2025/c1", 2025, Version(1, n), contenu)


def effaced(n: int) -> EtatRecu:
    return EtatRecu("2025/c1", 2025, Version(1, n), None)


def placed(dossier: Dossier, *porteurs: Porteur, **academies: str) -> Dossier:
    known = {f"2025/{code}": academie for code, academie in academies.items()}
    return dossier.place({(2025, INE): porteurs}, known, ouvertes=OUVERTES)


porteurs = st.builds(
    Porteur,
    eleve=st.integers(0, 30).map("2025/{}".format),
    uai=st.sampled_from(["0779000P", "0779001R"]),
    academie=st.sampled_from(["creteil", "rennes"]),
    present=st.booleans(),
    arrive_le=st.integers(0, 3).map(lambda days: ARRIVE + timedelta(days=days)),
)


@given(st.lists(porteurs, min_size=1, max_size=4, unique_by=lambda p: p.eleve))
def test_whose_a_file_is_does_not_hang_on_the_order_in_which_students_came(having: list[Porteur]) -> None:
    assert len({choose(order) for order in permutations(having)}) == 1


@given(st.lists(porteurs, min_size=1, max_size=4))
def test_a_file_is_that_of_a_student_who_has_left_only_when_nobody_is_there(having: list[Porteur]) -> None:
    chosen = choose(having)
    assert chosen in {Rattachement(p.eleve, p.uai, p.academie) for p in having if p.present} or not any(
        p.present for p in having
    )


def test_of_two_students_with_one_ine_the_one_who_arrived_last_has_the_file() -> None:
    later = Porteur("2025/E0", "0350000A", "rennes", present=True, arrive_le=ARRIVE + timedelta(days=1))
    assert choose([later, PORTEUR]) == Rattachement("2025/E0", "0350000A", "rennes")


def test_a_file_without_ine_has_no_student_and_is_told_to_hosts_all_the_same() -> None:
    dossier = placed(new_dossier(etat(1, voeu("1"), ine=None)), PORTEUR, **{"1": "creteil"})
    assert (dossier.rattachement, dossier.academie_origine) == (None, None)
    assert dossier.academies_accueil == {"creteil"}


def test_only_open_academies_are_told() -> None:
    lyonnais = PORTEUR._replace(academie="lyon")
    dossier = placed(new_dossier(etat(1, voeu("1"), voeu("2"))), lyonnais, **{"1": "lyon", "2": "rennes"})
    assert dossier.rattachement == Rattachement("2025/E1", "0779000P", "lyon")
    assert dossier.academie_origine is None
    assert dossier.academies_accueil == {"rennes"}


def test_an_academie_that_opens_is_told_with_the_next_change() -> None:
    dossier = placed(new_dossier(etat(1, voeu("1", academie="lyon"))))
    assert dossier.announce({*OUVERTES, "lyon"}).academies_accueil == {"lyon"}


def test_hosts_are_told_of_confirmed_wishes_in_their_academie_and_no_others() -> None:
    dossier = placed(
        new_dossier(etat(1, voeu("1"), voeu("2", confirme=False), voeu("3"), voeu("4"))),
        **{"1": "creteil", "2": "creteil", "3": "rennes"},
    )
    assert [v.formation for v in dossier.confirmed_in("creteil")] == ["2025/1"]
    assert dossier.academies_accueil == {"creteil", "rennes"}
    assert dossier.en_attente == ("2025/4",)


def test_an_academie_where_the_last_wish_is_dropped_goes_on_being_told() -> None:
    dossier = placed(new_dossier(etat(1, voeu("1"), voeu("2"))), **{"1": "creteil", "2": "rennes"})
    dropped = placed(dossier.receive(etat(2, voeu("1"))))
    assert dropped.confirmed_in("rennes") == ()
    assert dropped.academies_accueil == {"creteil", "rennes"}


def test_an_older_or_equal_state_changes_nothing() -> None:
    dossier = placed(new_dossier(etat(2, voeu("1"))), PORTEUR, **{"1": "creteil"})
    assert dossier.receive(etat(1)) is dossier
    assert dossier.receive(etat(2)) is dossier
    assert dossier.receive(effaced(2)) is dossier


def test_a_newer_state_keeps_what_is_known_of_the_formations_named_before() -> None:
    dossier = placed(new_dossier(etat(1, voeu("1"))), **{"1": "creteil"})
    newer = dossier.receive(etat(2, voeu("2"), voeu("1", confirme=False)))
    assert newer.voeux == (voeu("2"), voeu("1", confirme=False, academie="creteil"))


def test_an_erased_file_keeps_its_version_alone_and_is_told_to_nobody() -> None:
    dossier = placed(new_dossier(etat(1, voeu("1"))), PORTEUR, **{"1": "creteil"})
    gone = placed(dossier.receive(effaced(2)), PORTEUR)
    assert gone == Dossier(id="2025/c1", session=2025, recu=Version(1, 2))
    assert gone.receive(etat(1, voeu("1"))) is gone


def test_what_is_known_does_not_hang_on_the_order_in_which_it_came() -> None:
    told = {(2025, INE): [PORTEUR]}, {"2025/1": "rennes"}
    whole = new_dossier(etat(1, voeu("1"), voeu("2"))).place(*told, ouvertes=OUVERTES)
    by_steps = new_dossier(etat(1, voeu("1"), voeu("2"))).place({}, told[1], ouvertes=OUVERTES)
    assert by_steps.place(told[0], {}, ouvertes=OUVERTES) == whole
    assert whole.place(*told, ouvertes=OUVERTES) == whole


def message(**changes: object) -> dossiers_pb2.Dossier:
    fields = {
        "candidat": "c1",
        "session": 2025,
        "ine": INE,
        "inscrit_le": "2025-01-21",
        "voeux": [wish()],
    }
    return dossiers_pb2.Dossier(**(fields | changes))  # type: ignore[arg-type]


def wish(**changes: object) -> dossiers_pb2.Voeu:
    fields = {"formation": "2025/1", "etat": "CONFIRME", "formule_le": "2025-01-21", "confirme_le": "2025-01-21"}
    return dossiers_pb2.Voeu(**(fields | changes))  # type: ignore[arg-type]


def read(content: dossiers_pb2.Dossier | None, key: str = "2025/c1") -> EtatRecu:
    return read_etat(Received(key, Version(1, 1), content))


def test_a_state_of_the_site_is_read_whole() -> None:
    assert read(message()) == etat(1, voeu("1"))
    assert read(None) == effaced(1)


@pytest.mark.parametrize("ine", ["", "  ", "12345", "1234567890", "x" * 5000, "123456789AI"])
def test_an_ine_that_no_student_can_have_leaves_the_file_without_one(ine: str) -> None:
    contenu = read(message(ine=ine)).contenu
    assert contenu is not None
    assert contenu.ine is None


def test_an_ine_is_read_however_the_candidate_typed_it() -> None:
    contenu = read(message(ine=" 123456789 ab ")).contenu
    assert contenu is not None
    assert contenu.ine == INE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (message(candidat="c2"), "a key that is another file's"),
        (message(session=2024), "a key that is another file's"),
        (message(inscrit_le="21/01/2025"), "a day that is none"),
        (message(inscrit_le="20250121"), "a day that is none"),
        (message(demission_le="2025-02-30"), "a day that is none"),
        (message(voeux=[wish(etat="RECALE")]), "a wish in an unknown state"),
        (message(voeux=[wish(etat="")]), "a wish in an unknown state"),
        (message(voeux=[wish(confirme_le="hier")]), "a day that is none"),
        (message(voeux=[wish(rang=-1)]), "a negative rank"),
        (message(voeux=[wish(formation="2024/1")]), "a wish for what is no formation of the session"),
        (message(voeux=[wish(formation="")]), "a wish for what is no formation of the session"),
        (message(voeux=[wish(), wish(etat="ACCEPTE")]), "two wishes for one formation"),
        (message(voeux=[wish(formation=f"2025/{n}") for n in range(201)]), "too many wishes"),
    ],
)
def test_what_breaks_the_contract_of_the_site_is_refused_with_a_reason(
    content: dossiers_pb2.Dossier, reason: str
) -> None:
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        read(content)


@pytest.mark.parametrize("key", ["", "c1", "2025/", "25/c1", "2025/c1/2", "2025/é", "2025/" + "c" * 65, "2025/c1\n"])
@pytest.mark.parametrize("content", [None, message()])
def test_a_key_that_is_not_a_session_and_a_candidate_is_refused(key: str, content: dossiers_pb2.Dossier | None) -> None:
    with pytest.raises(Unreadable, match="session/candidat"):
        read(content, key)


@given(st.text(max_size=12), st.text(max_size=12), st.integers(-3, 3))
def test_whatever_the_site_writes_is_read_or_refused(jour: str, ine: str, rang: int) -> None:
    with contextlib.suppress(Unreadable):
        contenu = read(message(demission_le=jour, ine=ine, voeux=[wish(rang=rang)])).contenu
        assert contenu is not None
        assert contenu.voeux[0].rang == rang >= 0
