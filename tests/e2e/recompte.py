"""Every figure the platform shows, counted again from the files it was fed with, by code that imports nothing of ours.

The definitions are those of domaine.md §6 (indicators) and §7 (reports). It counts plainly, in memory.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

from tests.e2e.lectures import (
    Eleves,
    Etat,
    last_states,
    read_academies,
    read_eleves,
    read_offre,
    read_series,
)

type Echelon = Literal["lycee", "academie", "nation"]

_NATION = ""
TOUTES_SERIES = ""
_L1_OU_PASS = frozenset({"Licence", "Licence_Las", "PASS"})
"""Of the column `fili`: « un vœu de L1 ou PASS » is a licence, LAS or PASS."""


@dataclass(slots=True)
class Indicateurs:
    """The counts of a group of students; each rate is a count over another."""

    vivier: int = 0
    vivier_initial: int = 0
    inscrits: int = 0
    sans_voeu: int = 0
    au_moins_un_l1_ou_pass: int = 0
    seulement_l1_ou_pass: int = 0

    @property
    def taux_participation(self) -> Fraction | None:
        """Registered over vivier initial; None where that is empty."""
        return Fraction(self.inscrits, self.vivier_initial) if self.vivier_initial else None

    def part_des_inscrits(self, nombre: int) -> Fraction | None:
        """`nombre` over the registered, as all the other rates are; None where nobody is."""
        return Fraction(nombre, self.inscrits) if self.inscrits else None


@dataclass(slots=True)
class ChiffresRapport:
    """The general figures of a formation's report: candidates who have a confirmed wish there, by what became of it."""

    places: int
    voeux_confirmes: int = 0
    propositions: int = 0
    acceptes: int = 0
    en_attente: int = 0
    refus_formation: int = 0
    demissions: int = 0


class FormationOfferte(NamedTuple):
    """A formation as the offer's file has it."""

    libelle: str
    capacite: int


type Listes = dict[str, Counter[str]]
"""Students by class or by série: the INE of each."""


@dataclass(slots=True)
class Recompte:
    """All figures: indicators by échelon, name (UAI, slug of the académie, nothing) and série; reports by formation;
    the formations, and the students who are present, by UAI.
    """

    indicateurs: dict[tuple[Echelon, str, str], Indicateurs] = field(default_factory=lambda: defaultdict(Indicateurs))
    rapports: dict[str, ChiffresRapport] = field(default_factory=dict)
    formations: dict[str, dict[str, FormationOfferte]] = field(default_factory=lambda: defaultdict(dict))
    par_classe: dict[str, Listes] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Counter)))
    par_serie: dict[str, Listes] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Counter)))

    def lycee(self, uai: str, serie: str = TOUTES_SERIES) -> Indicateurs:
        return self.indicateurs["lycee", uai, serie]

    def academie(self, slug: str, serie: str = TOUTES_SERIES) -> Indicateurs:
        return self.indicateurs["academie", slug, serie]

    def nation(self, serie: str = TOUTES_SERIES) -> Indicateurs:
        return self.indicateurs["nation", _NATION, serie]


def recount(
    *,
    session: int,
    siecle: Iterable[Path],
    nomenclature: Path,
    candidats: Iterable[Path],
    offre: Path,
    lycees: Path,
    avant_le_gel: Iterable[Path] | None = None,
) -> Recompte:
    """Count everything again.

    Args:
        session: its year; states of others are passed over.
        siecle: `ElevesSansAdresses` (XML, or the zip that holds it) in the order of upload; a file corrects those of
            its school before it, and a student whom it does not name any more has left, unless so many are missing that
            it is a complement (≈ more than a fifth, and than five).
        nomenclature: the `Nomenclature` beside them, which tells the série of each MEF.
        candidats: JSON lines of states; of a candidate's states the one of the highest version counts.
        offre: with the official codes.
        lycees: which académie each school is of.
        avant_le_gel: those of the files that came before the vivier initial was frozen; None as long as it is not.
    """
    series = read_series(nomenclature)
    eleves = read_eleves(siecle, series)
    initial = eleves if avant_le_gel is None else read_eleves(avant_le_gel, series)
    etats = list(last_states(candidats, session))
    formations = read_offre(offre, session)
    recompte = Recompte()
    _count_students(recompte, eleves, initial, etats, read_academies(lycees), formations)
    _count_reports(recompte, etats, formations)
    _list_students(recompte, eleves)
    for id, row in formations.items():
        recompte.formations[row["cod_uai"]][id] = FormationOfferte(row["lib_for_voe_ins"], int(row["capa_fin"]))
    return recompte


def _list_students(recompte: Recompte, eleves: Eleves) -> None:
    for (uai, _), eleve in eleves.items():
        if eleve.present:
            shown = next(iter(eleve.ine), "")
            recompte.par_serie[uai][eleve.serie][shown] += 1
            if eleve.classe is not None:
                recompte.par_classe[uai][eleve.classe][shown] += 1


def _count_students(
    recompte: Recompte,
    eleves: Eleves,
    initial: Eleves,
    etats: Iterable[Etat],
    academies: Mapping[str, str],
    formations: Mapping[str, Mapping[str, str]],
) -> None:
    by_ine = {etat["ine"]: etat for etat in etats}
    for key in eleves.keys() | initial.keys():
        uai, _ = key
        now, then = eleves.get(key), initial.get(key)
        present = now is not None and now.present
        frozen = then is not None and then.present
        eleve = now or then
        if eleve is None or not (present or frozen):
            continue
        etat = next((by_ine[ine] for ine in sorted(eleve.ine) if ine in by_ine), None)
        for group in _groups(recompte, uai, academies[uai], eleve.serie):
            group.vivier += present
            group.vivier_initial += frozen
            if etat is not None and etat["inscrit_le"] is not None:
                _count_registered(group, etat, formations)


def _groups(recompte: Recompte, uai: str, academie: str, serie: str) -> Iterator[Indicateurs]:
    for cut in (serie, TOUTES_SERIES):
        yield recompte.lycee(uai, cut)
        yield recompte.academie(academie, cut)
        yield recompte.nation(cut)


def _count_registered(group: Indicateurs, etat: Etat, formations: Mapping[str, Mapping[str, str]]) -> None:
    l1_ou_pass = [formations[voeu["formation"]]["fili"] in _L1_OU_PASS for voeu in etat["voeux"]]
    group.inscrits += 1
    group.sans_voeu += not l1_ou_pass
    group.au_moins_un_l1_ou_pass += any(l1_ou_pass)
    group.seulement_l1_ou_pass += bool(l1_ou_pass) and all(l1_ou_pass)


def _count_reports(recompte: Recompte, etats: Iterable[Etat], formations: Mapping[str, Mapping[str, str]]) -> None:
    confirmed: dict[str, list[Etat]] = defaultdict(list)
    for etat in etats:
        for voeu in etat["voeux"]:
            if voeu["confirme_le"] is not None:
                confirmed[voeu["formation"]].append(voeu)
    for id, formation in formations.items():
        by_state = Counter(voeu["etat"] for voeu in confirmed[id])
        recompte.rapports[id] = ChiffresRapport(
            places=int(formation["capa_fin"]),
            voeux_confirmes=len(confirmed[id]),
            propositions=sum(voeu["proposition_le"] is not None for voeu in confirmed[id]),
            acceptes=by_state["ACCEPTE"],
            en_attente=by_state["EN_ATTENTE"],
            refus_formation=by_state["REFUS_FORMATION"],
            demissions=by_state["DEMISSION"],
        )
