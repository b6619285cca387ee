"""What each head is shown of its school, beside its académie and the nation, held against the recount."""

from collections import Counter
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
    classes { code effectif }
    indicateurs { nomAcademie etablissement { ...Tous } academie { ...Tous } nation { ...Tous } }
    formations(first: 100) { totalCount edges { node { id libelle capacite rapport { chiffres { ...Rapport } } } } }
  }
  rapports(uai: $uai, first: 100) { totalCount edges { node { libelle formation { id } chiffres { ...Rapport } } } }
}
fragment Rapport on ChiffresRapport {
  places voeuxConfirmes propositions acceptes enAttente refusFormation demissions
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

_CHIFFRES = {
    "places": "places",
    "voeuxConfirmes": "voeux_confirmes",
    "propositions": "propositions",
    "acceptes": "acceptes",
    "enAttente": "en_attente",
    "refusFormation": "refus_formation",
    "demissions": "demissions",
}
"""Each figure of a report, likewise."""
_LISTE = """
query($uai: ID!, $classe: String, $serie: Serie, $after: String) {
  eleves(uai: $uai, classe: $classe, serie: $serie, first: 100, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } edges { node { ine classe serie } }
  }
}
"""

type Ligne = dict[str, Any]
type Etablissements = Mapping[str, dict[str, Any]]
"""What is shown of each school to its own head, by UAI; with `rapports`, what is listed of its reports."""


async def frontend(up: Up, court: str) -> Frontend:
    """An account of the demonstration, signed in."""
    return Frontend(up.url("PASSERELLE_PORT"), (await jetons(up, court)).access_token)


async def show(heads: Mapping[str, Frontend]) -> dict[str, dict[str, Any]]:
    """What these heads, by the UAI of their school, are shown of it."""
    found = {}
    for uai, client in heads.items():
        answer = await client.ask(OPERATION, uai=uai)
        assert "errors" not in answer, answer["errors"]
        found[uai] = {**answer["data"]["etablissement"], "rapports": answer["data"]["rapports"]}
    return found


def has_followed(shown: Etablissements, expected: Recompte) -> bool:
    """Whether everything that was sent has arrived where it is shown: of each school, and of the others by the nation's
    totals, in which they are.
    """
    return all(
        _is_told(found["indicateurs"]["etablissement"]["ensemble"], expected.lycee(uai))
        and _is_told(found["indicateurs"]["nation"]["ensemble"], expected.nation())
        and drafts(found) == _drafts_of(uai, expected)
        for uai, found in shown.items()
    )


def _is_told(row: Ligne, expected: Indicateurs) -> bool:
    return all(row[shown] in (None, getattr(expected, name)) for shown, name in _FIGURES.items())


def drafts(etablissement: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The figures of the draft of each formation, as the list of reports has them."""
    return {node["formation"]["id"]: node["chiffres"] for node in _rapports(etablissement)}


def _rapports(etablissement: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _nodes(etablissement["rapports"])


def _nodes(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All of a list that is shown on one page."""
    assert page["totalCount"] == len(page["edges"])
    return [edge["node"] for edge in page["edges"]]


def _drafts_of(uai: str, expected: Recompte) -> dict[str, dict[str, int]]:
    return {
        id: {shown: getattr(expected.rapports[id], name) for shown, name in _CHIFFRES.items()}
        for id in expected.formations[uai]
    }


def read_figures(row: Ligne) -> Indicateurs:
    """The counts of a row in which nothing is hidden."""
    return Indicateurs(**{name: row[shown] for shown, name in _FIGURES.items()})


def require_offer(uai: str, etablissement: Mapping[str, Any], expected: Recompte) -> None:
    """The formations are those of the offer, and every figure of every draft is the recount's: as the field of its
    formation and in the list of reports.
    """
    formations = _nodes(etablissement["formations"])
    shown = {node["id"]: (node["libelle"], node["capacite"]) for node in formations}
    assert shown == expected.formations[uai]
    assert {node["id"]: node["rapport"]["chiffres"] for node in formations} == _drafts_of(uai, expected)
    listed = {
        node["formation"]["id"]: (node["libelle"], node["chiffres"]["places"]) for node in _rapports(etablissement)
    }
    assert listed == expected.formations[uai]
    assert drafts(etablissement) == _drafts_of(uai, expected)


async def require_students(client: Frontend, uai: str, etablissement: Mapping[str, Any], expected: Recompte) -> None:
    """The students present are those of the files: how many, in which classes, and who is listed of each and of each
    série.
    """
    classes, series = expected.par_classe[uai], expected.par_serie[uai]
    assert etablissement["eleves"]["totalCount"] == sum(eleves.total() for eleves in series.values())
    shown = {classe["code"]: classe["effectif"] for classe in etablissement["classes"]}
    assert shown == {code: eleves.total() for code, eleves in classes.items()}
    assert {code: await _listed(client, uai, classe=code) for code in classes} == classes
    assert {serie: await _listed(client, uai, serie=serie) for serie in series} == series


async def _listed(client: Frontend, uai: str, **only: str) -> Counter[str]:
    """Who is listed of a class or of a série, by INE, page after page."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"]:
        answer = await client.ask(_LISTE, uai=uai, after=page["pageInfo"]["endCursor"], **only)
        assert "errors" not in answer, answer["errors"]
        page = answer["data"]["eleves"]
        found += [edge["node"] for edge in page["edges"]]
    assert page["totalCount"] == len(found)
    assert all(eleve[name] == value for eleve in found for name, value in only.items())
    return Counter(eleve["ine"] or "" for eleve in found)


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
