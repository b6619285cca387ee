"""The audit trail as a chain: pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain.audit import (
    Acte,
    Adresse,
    Issue,
    Lieux,
    LigneAudit,
    Niveau,
    Partie,
    addresses_differ,
    asked,
    asked_uai,
    engage,
)
from services.identity.domain.sceaux import Defaut, Publie, Sceau, Verification, seal
from socle.principal import RoleTenu
from socle.rubriques import Role

DEBUT = datetime(2025, 1, 15, 8, 0, tzinfo=UTC)


def ligne(n: int) -> LigneAudit:
    return LigneAudit(
        id=f"01J{n:023d}",
        le=DEBUT + timedelta(seconds=n),
        acte=Acte.DROIT_DONNE,
        issue=Issue.FAITE,
        niveau=Niveau.UTILISATEUR,
        lieux=Lieux(uais=frozenset({"0940001X"}), academies=frozenset({"creteil"})),
        acteur="01ADMIN",
        cible="01GESTIONNAIRE",
        detail={"rubrique": "SIECLE"},
        engagement=engage("192.0.2.7", "sel"),
    )


type Trail = list[tuple[Sceau, list[LigneAudit]]]


def trail(*tailles: int) -> Trail:
    """A trail of as many seals, each on so many lines."""
    made: Trail = []
    n, precedent = 0, ""
    for numero, taille in enumerate(tailles, start=1):
        lignes = [ligne(n + i) for i in range(taille)]
        n += taille
        sceau = seal(lignes, numero=numero, precedent=precedent, generation=1, le=DEBUT + timedelta(minutes=numero))
        precedent = sceau.condensat
        made.append((sceau, lignes))
    return made


def faults(held: Trail, published: Sequence[Sceau] = (), *restaurations: int) -> list[tuple[Defaut, int]]:
    publies = [Publie(generation=s.generation, numero=s.numero, condensat=s.condensat) for s in published]
    verification = Verification(publies, frozenset(restaurations))
    found = [anomalie for sceau, lignes in held for anomalie in verification.check(sceau, lignes)]
    found += verification.check_end()
    return [(anomalie.defaut, anomalie.numero) for anomalie in found]


def heads(held: Trail) -> list[Sceau]:
    return [sceau for sceau, _ in held]


def test_a_trail_that_nobody_touched_is_sound() -> None:
    held = trail(3, 1, 5)
    assert faults(held, heads(held)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"acteur": "01AUTRE"},
        {"cible": None},
        {"le": DEBUT + timedelta(milliseconds=1)},
        {"issue": Issue.REFUSEE},
        {"acte": Acte.DROIT_RETIRE},
        {"niveau": Niveau.NATIONAL},
        {"motif": "NON_AUTORISE"},
        {"detail": {"rubrique": "NOTES"}},
        {"lieux": Lieux(uais=frozenset({"0940002Y"}), academies=frozenset({"creteil"}))},
        {"engagement": engage("192.0.2.8", "sel")},
        {"id": "01K00000000000000000000000"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_is_changed_in_a_line_shows(changed: dict[str, object]) -> None:
    held = trail(2, 2)
    held[0][1][0] = replace(held[0][1][0], **changed)  # type: ignore[arg-type] # the fields of a line
    assert faults(held) == [(Defaut.LIGNES_MODIFIEES, 1)]


def test_a_line_removed_or_added_shows() -> None:
    held = trail(2, 2)
    held[1][1].pop()
    assert faults(held) == [(Defaut.LIGNES_EN_MOINS, 2)]
    held[1][1].extend([ligne(3), ligne(9)])
    assert faults(held) == [(Defaut.LIGNES_EN_TROP, 2)]


def test_a_seal_removed_with_its_lines_shows() -> None:
    held = trail(1, 1, 1)
    del held[1]
    assert faults(held) == [(Defaut.SCEAU_ABSENT, 2)]


def test_a_line_changed_with_its_seal_breaks_the_chain() -> None:
    held = trail(1, 1)
    sceau, lignes = held[0]
    forged = [replace(lignes[0], acteur="01AUTRE")]
    again = seal(forged, numero=1, precedent="", generation=sceau.generation, le=sceau.le)
    held[0] = (again, forged)
    assert faults(held) == [(Defaut.CHAINE_ROMPUE, 2)]


def test_a_chain_made_again_whole_differs_from_what_was_published() -> None:
    honest = trail(1, 1)
    forged: Trail = []
    precedent = ""
    for sceau, lignes in honest:
        changed = [replace(held, acteur="01AUTRE") for held in lignes]
        again = seal(changed, numero=sceau.numero, precedent=precedent, generation=1, le=sceau.le)
        precedent = again.condensat
        forged.append((again, changed))
    assert faults(forged) == []
    assert faults(forged, heads(honest)[-1:]) == [(Defaut.PUBLIE_AUTREMENT, 2)]


def test_an_end_cut_off_shows_against_what_was_published() -> None:
    held = trail(1, 1, 1)
    assert faults(held[:2]) == []
    assert faults(held[:2], heads(held)) == [(Defaut.FIN_COUPEE, 3)]
    assert faults([], heads(held)) == [(Defaut.FIN_COUPEE, 1)]


def after_a_restoration() -> tuple[Trail, list[Sceau]]:
    """A trail whose last two seals of three were lost, and then two more made; and all that was published."""
    before = trail(1, 1, 1)
    held, precedent = before[:1], before[0][0].condensat
    for numero in (2, 3):
        le = DEBUT + timedelta(hours=1, minutes=numero)
        lignes = [replace(ligne(10 + numero), le=le)]
        sceau = seal(lignes, numero=numero, precedent=precedent, generation=2, le=le)
        precedent = sceau.condensat
        held.append((sceau, lignes))
    return held, [*heads(before), *heads(held)[1:]]


def test_what_a_restoration_lost_shows_until_it_is_said_to_have_taken_place() -> None:
    held, published = after_a_restoration()
    assert faults(held, published) == [(Defaut.PERDU_A_LA_RESTAURATION, 2)]
    assert faults(held, published, 2) == []
    assert faults(held, published, 3) == [(Defaut.PERDU_A_LA_RESTAURATION, 2)], "another one explains nothing"
    assert faults(held[:2], published, 2) == [(Defaut.FIN_COUPEE, 3)], "nor does it explain what is cut off since"


def test_a_seal_made_again_under_an_earlier_or_later_generation_shows() -> None:
    honest = trail(1, 1)
    sceau, lignes = honest[1]
    later = seal(lignes, numero=2, precedent=honest[0][0].condensat, generation=2, le=sceau.le)
    assert faults([honest[0], (later, lignes)], heads(honest)) == [(Defaut.PERDU_A_LA_RESTAURATION, 2)]
    held, published = after_a_restoration()
    earlier = seal(held[2][1], numero=3, precedent=held[1][0].condensat, generation=1, le=held[2][0].le)
    found = faults([*held[:2], (earlier, held[2][1])], published, 2)
    assert found == [(Defaut.CHAINE_ROMPUE, 3), (Defaut.PUBLIE_AUTREMENT, 3)]


def test_a_line_that_cannot_be_one_is_a_line_changed() -> None:
    held = trail(2, 1)
    verification = Verification()
    found = [anomalie.defaut for anomalie in verification.check(held[0][0], [held[0][1][0], None])]
    assert found == [Defaut.LIGNES_MODIFIEES]


def test_a_line_dated_well_before_the_seal_it_comes_after_shows() -> None:
    held = trail(1)
    old = replace(ligne(7), le=DEBUT - timedelta(days=1))
    sceau = seal([old], numero=2, precedent=held[0][0].condensat, generation=1, le=DEBUT + timedelta(hours=1))
    assert faults([*held, (sceau, [old])]) == [(Defaut.LIGNE_ANTIDATEE, 2)]


def test_an_address_that_was_changed_or_removed_before_its_time_shows() -> None:
    written, now = [ligne(1)], DEBUT + timedelta(days=10)
    kept = {written[0].id: Adresse("192.0.2.7", "sel")}
    assert not addresses_differ(written, kept, now=now)
    assert addresses_differ(written, {written[0].id: Adresse("192.0.2.8", "sel")}, now=now)
    assert addresses_differ(written, {}, now=now)
    assert not addresses_differ(written, {}, now=DEBUT + timedelta(days=366)), "it was forgotten in its time"
    assert not addresses_differ([replace(ligne(1), engagement=None), None], {}, now=now)


def test_the_level_of_an_account_is_that_of_its_highest_role() -> None:
    chef = RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai="0940001X")
    adjoint = RoleTenu(role=Role.ADJOINT, uai="0940002Y")
    assert Partie(id="a").niveau is Niveau.UTILISATEUR
    assert Partie(id="a", roles=(adjoint,)).niveau is Niveau.UTILISATEUR
    assert Partie(id="a", roles=(adjoint, chef)).niveau is Niveau.ETABLISSEMENT
    assert Partie(id="a", roles=(RoleTenu(role=Role.CAES, academie="creteil"),)).niveau is Niveau.ACADEMIE
    assert Partie(id="a", roles=(chef, RoleTenu(role=Role.ADMIN_NATIONAL))).niveau is Niveau.NATIONAL


def test_what_somebody_typed_is_kept_only_where_it_can_be_nothing_else() -> None:
    said = {
        "compte": "01JHF3Z6X8Q4T2V5N7M9K1B3CD",
        "rubrique": "SIECLE",
        "formation": "2025/ab-12",
        "jusqu_au": "2025-07-10T18:00:00+02:00",
    }
    assert asked(said) == said
    assert asked({"compte": "camille.dupont@ac-creteil.fr", "formation": "Camille Dupont", "rubrique": ""}) == {}
    assert asked_uai("0940001X") == "0940001X"
    assert asked_uai("camille") is None
