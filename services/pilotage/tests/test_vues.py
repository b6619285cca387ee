"""Who is shown what of académie and nation: by the schools that one knows exactly, and the pages that one may open."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from services.pilotage.indicateurs import ALL_HIDDEN, NOTHING_HIDDEN, Comptage, Effectifs, Masque, Resultat, Tableau
from services.pilotage.tests.told import AUTRE_LYCEE, LYCEE, VERSAILLES
from services.pilotage.vues import VueEtablissement, view_school
from socle.principal import Principal, RoleTenu
from socle.rubriques import Role
from socle.series import Serie

NOW = datetime(2025, 3, 1, tzinfo=UTC)
LARGE = Effectifs(vivier=90, vivier_initial=100, inscrits=80, sans_voeu=10, l1_ou_pass=50, l1_ou_pass_seulement=20)


def hidden(**rows: Serie) -> Masque:
    return {**NOTHING_HIDDEN, **{name: frozenset({serie}) for name, serie in rows.items()}}


def resultat(times: int, masque: Masque = NOTHING_HIDDEN) -> Resultat:
    one = Tableau({Serie.GENERALE: LARGE, Serie.PRO: LARGE})
    return Resultat(comptage=Comptage(tableau=sum([one] * times, start=Tableau())), masque=masque)


STORED = {
    f"2025/{LYCEE}": resultat(1, hidden(l1_ou_pass=Serie.PRO)),
    f"2025/{AUTRE_LYCEE}": resultat(1, hidden(inscrits=Serie.PRO)),
    f"2025/{VERSAILLES}": resultat(1),
    "2025/creteil": resultat(4, hidden(sans_voeu=Serie.PRO)),
    "2025/versailles": resultat(4),
    "2025/nation": resultat(9, hidden(vivier=Serie.PRO)),
}


async def view(*roles: RoleTenu, uai: str = LYCEE) -> VueEtablissement:
    async def results(ids: Sequence[str]) -> Sequence[Resultat]:
        return [STORED[id] for id in ids]

    who = Principal(compte="01A", session="01S", actif=True, roles=roles)
    return await view_school(results, who, uai, 2025, now=NOW)


def around(vue: VueEtablissement) -> tuple[Masque, Masque]:
    assert vue.academie is not None
    return vue.academie[1].masque, vue.nation.masque


@pytest.mark.parametrize(
    "role",
    [
        RoleTenu(role=Role.ADMIN_NATIONAL),
        RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"),
        RoleTenu(role=Role.DIRECTEUR_CIO, uai=LYCEE),
    ],
    ids=lambda role: role.role,
)
async def test_whoever_is_outside_reads_what_is_hidden_for_all(role: RoleTenu) -> None:
    vue = await view(role)
    assert (vue.etablissement.masque, vue.etablissement.exacte) == (hidden(l1_ou_pass=Serie.PRO), False)
    assert around(vue) == (hidden(sans_voeu=Serie.PRO), hidden(vivier=Serie.PRO))


async def test_whoever_holds_schools_of_one_academie_only_is_shown_all_but_what_tells_of_the_others() -> None:
    vue = await view(RoleTenu(role=Role.ADJOINT, uai=LYCEE), RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=AUTRE_LYCEE))
    assert (vue.etablissement.masque, vue.etablissement.exacte) == (NOTHING_HIDDEN, True)
    assert around(vue) == (NOTHING_HIDDEN, NOTHING_HIDDEN)


ELSEWHERE = {
    "a lycée of another académie": RoleTenu(role=Role.CHEF_ETABLISSEMENT, uai=VERSAILLES),
    "a lycée followed by a CIO": RoleTenu(role=Role.DIRECTEUR_CIO, uai=AUTRE_LYCEE),
    "an académie": RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil"),
    "all": RoleTenu(role=Role.ADMIN_NATIONAL),
}


@pytest.mark.parametrize("also", ELSEWHERE.values(), ids=ELSEWHERE)
async def test_whoever_knows_one_school_and_opens_others_is_not_shown_what_that_one_hides_of_the_wider_places(
    also: RoleTenu,
) -> None:
    vue = await view(RoleTenu(role=Role.PSY_EN, uai=LYCEE), also)
    assert vue.etablissement.exacte
    for masque, also_hidden in zip(around(vue), ("sans_voeu", "vivier"), strict=True):
        assert masque == {**hidden(**{also_hidden: Serie.PRO}), "l1_ou_pass": ALL_HIDDEN["l1_ou_pass"]}
