"""What each head is shown of its school, beside its académie and the nation, held against the recount."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.e2e.demandes import jetons
from tests.e2e.depots import Frontend
from tests.e2e.recompte import Indicateurs, Recompte
from tests.e2e.running import Up

OPERATION = """
query($uai: ID!) {
  etablissement(uai: $uai) {
    eleves(first: 1) { totalCount }
    classes { effectif }
    indicateurs { nomAcademie etablissement { ...Tous } academie { ...Tous } nation { ...Tous } }
    formations(first: 100) { edges { node { id capacite rapport { chiffres {
      places voeuxConfirmes propositions acceptes enAttente refusFormation demissions
    } } } } }
  }
}
fragment Tous on Indicateurs { candidaturesEnAttente voeuxEnAttente ensemble { ...Chiffres } series { ...Chiffres } }
fragment Chiffres on ChiffresIndicateurs {
  serie vivier vivierInitial inscrits sansVoeu auMoinsUnL1OuPass seulementL1OuPass tauxParticipation tauxSansVoeu
  tauxAuMoinsUnL1OuPass tauxSeulementL1OuPass
}
"""
_FIGURES = {
    "vivier": "vivier",
    "vivierInitial": "vivier_initial",
    "inscrits": "inscrits",
    "sansVoeu": "sans_voeu",
    "auMoinsUnL1OuPass": "au_moins_un_l1_ou_pass",
    "seulementL1OuPass": "seulement_l1_ou_pass",
}
"""Each figure, as the platform and as the recount call it."""
_RATES = {
    "tauxParticipation": ("inscrits", "vivierInitial"),
    "tauxSansVoeu": ("sansVoeu", "inscrits"),
    "tauxAuMoinsUnL1OuPass": ("auMoinsUnL1OuPass", "inscrits"),
    "tauxSeulementL1OuPass": ("seulementL1OuPass", "inscrits"),
}
"""Each rate, with the figure that is over another."""

type Ligne = dict[str, Any]
type Etablissements = Mapping[str, dict[str, Any]]
"""What is shown of each school to its own head, by UAI."""


async def frontend(up: Up, court: str) -> Frontend:
    """An account of the demonstration, signed in."""
    return Frontend(up.url("PASSERELLE_PORT"), (await jetons(up, court)).access_token)


async def show(heads: Mapping[str, Frontend]) -> dict[str, dict[str, Any]]:
    """What these heads, by the UAI of their school, are shown of it."""
    found = {}
    for uai, client in heads.items():
        answer = await client.ask(OPERATION, uai=uai)
        assert "errors" not in answer, answer["errors"]
        found[uai] = answer["data"]["etablissement"]
    return found


def has_followed(shown: Etablissements, expected: Recompte) -> bool:
    """Whether everything that was sent has arrived where it is shown: of each school, and of the others by the nation's
    totals, in which they are.
    """
    return all(
        _is_told(found["indicateurs"]["etablissement"]["ensemble"], expected.lycee(uai))
        and _is_told(found["indicateurs"]["nation"]["ensemble"], expected.nation())
        and _told(found) == sum(expected.rapports[id].voeux_confirmes for id in drafts(found))
        for uai, found in shown.items()
    )


def _is_told(row: Ligne, expected: Indicateurs) -> bool:
    return all(row[shown] in (None, getattr(expected, name)) for shown, name in _FIGURES.items())


def drafts(etablissement: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The figures of the draft of each formation."""
    edges = etablissement["formations"]["edges"]
    return {edge["node"]["id"]: edge["node"]["rapport"]["chiffres"] for edge in edges}


def _told(etablissement: Mapping[str, Any]) -> int:
    return sum(chiffres["voeuxConfirmes"] for chiffres in drafts(etablissement).values())


def read_figures(row: Ligne) -> Indicateurs:
    """The counts of a row in which nothing is hidden."""
    return Indicateurs(**{name: row[shown] for shown, name in _FIGURES.items()})


def require_drafts(etablissement: Mapping[str, Any], expected: Recompte) -> None:
    """Every figure of every draft is the recount's."""
    for id, chiffres in drafts(etablissement).items():
        counted = expected.rapports[id]
        assert chiffres == {
            "places": counted.places,
            "voeuxConfirmes": counted.voeux_confirmes,
            "propositions": counted.propositions,
            "acceptes": counted.acceptes,
            "enAttente": counted.en_attente,
            "refusFormation": counted.refus_formation,
            "demissions": counted.demissions,
        }


def require_exact(place: Mapping[str, Any], expected: Mapping[str, Indicateurs]) -> None:
    """Every count and rate of a place is the recount's, by série (none for the total), and nothing is hidden."""
    rows = _rows(place)
    assert rows.keys() == expected.keys()
    for serie, row in rows.items():
        assert read_figures(row) == expected[serie], serie
        _require_rates(row, expected[serie], serie)


@dataclass(slots=True)
class Comparaison:
    """How many counts and rates were compared, and how many were hidden."""

    comptes: int = 0
    taux: int = 0
    caches: int = 0

    def compare(
        self,
        place: Mapping[str, Any],
        expected: Mapping[str, Indicateurs],
        *,
        connus: Mapping[str, Indicateurs],
    ) -> None:
        """Every count and rate of a place that is shown is the recount's; and no small group of it is to be read.

        Args:
            place: an académie, or the nation.
            expected: by série.
            connus: what the reader knows exactly of it: its own school.
        """
        rows = _rows(place)
        assert rows.keys() == expected.keys()
        for serie, row in rows.items():
            for shown, name in _FIGURES.items():
                value, known = row[shown], getattr(connus.get(serie, Indicateurs()), name)
                self.caches += value is None
                self.comptes += value is not None
                assert value is None or value == getattr(expected[serie], name), (serie, shown)
                # A small group is shown to nobody but those who know each of its students: their own school.
                assert value is None or not 0 < value - known < 5, (serie, shown)
                assert value is None or not 0 < value < 5 or value == known, (serie, shown)
            self.taux += _require_rates(row, expected[serie], serie)


def require_no_small_rest(academie: Mapping[str, Any], nation: Mapping[str, Any]) -> None:
    """What the nation has beside the académie is no small group either, where both are shown."""
    inside = _rows(academie)
    for serie, row in _rows(nation).items():
        for shown in _FIGURES:
            if serie in inside and None not in (row[shown], inside[serie][shown]):
                assert not 0 < row[shown] - inside[serie][shown] < 5, (serie, shown)


def series_of(expected: Recompte, echelon: str, name: str) -> dict[str, Indicateurs]:
    """The recount of a place by série, without those that nobody is in; "" for the total."""
    return {
        serie: indicateurs
        for (kind, held, serie), indicateurs in expected.indicateurs.items()
        if (kind, held) == (echelon, name) and indicateurs != Indicateurs()
    }


def _rows(place: Mapping[str, Any]) -> dict[str, Ligne]:
    return {row["serie"] or "": row for row in (place["ensemble"], *place["series"])}


def _require_rates(row: Ligne, expected: Indicateurs, serie: str) -> int:
    """Each rate is the exact fraction; it is hidden with either of its counts. How many were there."""
    for rate, right in _rates(expected):
        part, whole = _RATES[rate]
        if None in (row[part], row[whole]):
            assert row[rate] is None, (serie, rate)
        else:
            assert row[rate] == (None if right is None else float(right)), (serie, rate)
    return sum(row[rate] is not None for rate in _RATES)


def _rates(expected: Indicateurs) -> Iterator[tuple[str, Fraction | None]]:
    yield "tauxParticipation", expected.taux_participation
    yield "tauxSansVoeu", expected.part_des_inscrits(expected.sans_voeu)
    yield "tauxAuMoinsUnL1OuPass", expected.part_des_inscrits(expected.au_moins_un_l1_ou_pass)
    yield "tauxSeulementL1OuPass", expected.part_des_inscrits(expected.seulement_l1_ou_pass)
