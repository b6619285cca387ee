"""The indicators before admission: who registered, who wished for what (document du lycée, II.1; domaine.md §6). Pure.

A rate is the quotient of two of the figures below; the figures are exact integers, so that those of an académie and of
the nation are the sums of their schools'.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from datetime import datetime

from socle.formations import L1_OU_PASS
from socle.series import Serie


@dataclass(frozen=True, slots=True, kw_only=True)
class Eleve:
    """A student of terminale, as `eleves` publishes it; neither `present` nor in the vivier initial, it is counted
    nowhere.
    """

    id: str
    serie: Serie
    present: bool
    vivier_initial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidature:
    """The candidate file of a student.

    Args:
        inscrit: whether it has a date of registration; an account without one is no registration.
        formations: those it has a formulated wish for, whatever became of the wish.
    """

    eleve: str
    inscrit: bool
    formations: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effectifs:
    """Numbers of students.

    Args:
        vivier: students of the last upload who have not left.
        vivier_initial: the vivier as frozen at its date, the current one before; who left since is still in it
            (domaine.md §6), who came since is not.
        inscrits: students of the vivier or of the vivier initial who have a candidate file. So who left after the
            freeze stays in the numerator of the participation rate as in its denominator; and who came after it
            counts in the numerator alone, since the rate is « le nombre d'élèves inscrits rapporté au vivier initial »:
            it may exceed 1.
        sans_voeu: inscrits who have formulated no wish.
        l1_ou_pass: inscrits with at least one wish in a licence, LAS or PASS.
        l1_ou_pass_seulement: inscrits with wishes, all of them there; a wish for a formation that the offer has not
            told yet is not known to be there.
    """

    vivier: int = 0
    vivier_initial: int = 0
    inscrits: int = 0
    sans_voeu: int = 0
    l1_ou_pass: int = 0
    l1_ou_pass_seulement: int = 0

    def __add__(self, other: "Effectifs") -> "Effectifs":
        return Effectifs(
            vivier=self.vivier + other.vivier,
            vivier_initial=self.vivier_initial + other.vivier_initial,
            inscrits=self.inscrits + other.inscrits,
            sans_voeu=self.sans_voeu + other.sans_voeu,
            l1_ou_pass=self.l1_ou_pass + other.l1_ou_pass,
            l1_ou_pass_seulement=self.l1_ou_pass_seulement + other.l1_ou_pass_seulement,
        )

    def __neg__(self) -> "Effectifs":
        return Effectifs(**{name: -getattr(self, name) for name in CHIFFRES})

    def __sub__(self, other: "Effectifs") -> "Effectifs":
        return self + -other

    def __bool__(self) -> bool:
        """Whether anybody is counted."""
        return any(self.valeurs)

    @property
    def valeurs(self) -> tuple[int, ...]:
        """The figures in the order of `CHIFFRES`."""
        return (
            self.vivier,
            self.vivier_initial,
            self.inscrits,
            self.sans_voeu,
            self.l1_ou_pass,
            self.l1_ou_pass_seulement,
        )


CHIFFRES = tuple(figure.name for figure in fields(Effectifs))
"""The names of the figures."""

_PERSONNE = Effectifs()

type Ligne = Serie | None
"""A row of figures: a série, or None for the total."""


@dataclass(frozen=True, slots=True)
class Tableau:
    """Figures by série; a série that nobody is counted in has no row, so equal tables compare equal."""

    series: Mapping[Serie, Effectifs] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(frozenset(self.series.items()))

    @property
    def total(self) -> Effectifs:
        return sum(self.series.values(), start=_PERSONNE)

    def row(self, serie: Ligne) -> Effectifs:
        """The row of a série, or of the total for None."""
        return self.total if serie is None else self.series.get(serie, _PERSONNE)

    def __add__(self, other: "Tableau") -> "Tableau":
        return _tableau({s: self.row(s) + other.row(s) for s in {*self.series, *other.series}})

    def __sub__(self, other: "Tableau") -> "Tableau":
        return _tableau({s: self.row(s) - other.row(s) for s in {*self.series, *other.series}})


def _tableau(rows: Mapping[Serie, Effectifs]) -> Tableau:
    return Tableau({serie: rows[serie] for serie in Serie if rows.get(serie)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comptage:
    """What is counted of a school, an académie or the nation in a session.

    Args:
        candidatures_en_attente: registered candidates of whom no student is known yet: in no figure.
        voeux_en_attente: wishes of counted candidates for formations that the offer has not told yet.
    """

    tableau: Tableau = field(default_factory=Tableau)
    candidatures_en_attente: int = 0
    voeux_en_attente: int = 0

    def __add__(self, other: "Comptage") -> "Comptage":
        return Comptage(
            tableau=self.tableau + other.tableau,
            candidatures_en_attente=self.candidatures_en_attente + other.candidatures_en_attente,
            voeux_en_attente=self.voeux_en_attente + other.voeux_en_attente,
        )

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return self != _VIDE


_VIDE = Comptage()

type Masque = Mapping[str, AbstractSet[Ligne]]
"""The rows that are hidden of each figure, by its name."""
NOTHING_HIDDEN: Masque = {name: frozenset() for name in CHIFFRES}
ALL_HIDDEN: Masque = {name: frozenset((*Serie, None)) for name in CHIFFRES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resultat:
    """A comptage as it was stored.

    Args:
        masque: what of it is hidden from whoever is outside the schools.
        calcule_le: when it was made; None while nothing ever was.
    """

    comptage: Comptage = _VIDE
    masque: Masque = field(default_factory=lambda: NOTHING_HIDDEN)
    calcule_le: datetime | None = None


def count(
    eleves: Iterable[Eleve], candidatures: Iterable[Candidature], types: Mapping[str, str], ailleurs: AbstractSet[str]
) -> Comptage:
    """Count one school.

    Args:
        eleves: its students.
        candidatures: those of its students, and those that name this school.
        types: of the formations that are known, by id.
        ailleurs: students who are known and of another school now: it counts their candidatures.
    """
    counted = {eleve.id: eleve for eleve in eleves}
    wishes: dict[str, frozenset[str]] = {}
    en_attente = 0
    for candidature in candidatures:
        if not candidature.inscrit:
            continue
        if candidature.eleve in counted:
            # Two files of one student are one registration, with the wishes of both.
            wishes[candidature.eleve] = wishes.get(candidature.eleve, frozenset()) | candidature.formations
        elif candidature.eleve not in ailleurs:
            en_attente += 1
    rows: dict[Serie, Effectifs] = {}
    voeux_en_attente = 0
    for eleve in counted.values():
        if eleve.present or eleve.vivier_initial:
            voeux = wishes.get(eleve.id)
            rows[eleve.serie] = rows.get(eleve.serie, _PERSONNE) + _effectifs(eleve, voeux, types)
            voeux_en_attente += sum(formation not in types for formation in voeux or ())
    return Comptage(tableau=_tableau(rows), candidatures_en_attente=en_attente, voeux_en_attente=voeux_en_attente)


def _effectifs(eleve: Eleve, voeux: frozenset[str] | None, types: Mapping[str, str]) -> Effectifs:
    """The one student; `voeux` is None when it is not registered."""
    there = Counter(types.get(formation) in L1_OU_PASS for formation in voeux or ())
    return Effectifs(
        vivier=int(eleve.present),
        vivier_initial=int(eleve.vivier_initial),
        inscrits=int(voeux is not None),
        sans_voeu=int(voeux is not None and not voeux),
        l1_ou_pass=int(there[True] > 0),
        l1_ou_pass_seulement=int(there[True] > 0 and not there[False]),
    )


def compare_masques(resultat: str, stored: Masque, due: Masque) -> list["Ecart"]:
    """Where what is hidden is other than it should be: 1 for a hidden figure, 0 for one that is shown."""
    return [
        Ecart(
            resultat=resultat,
            serie=ligne,
            chiffre=f"{name} caché",
            stocke=int(ligne in hidden),
            compte=int(ligne in due[name]),
        )
        for name, hidden in stored.items()
        for ligne in (*Serie, None)
        if (ligne in hidden) != (ligne in due[name])
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecart:
    """A result that is stored other than it is counted; `serie` is None where it is not about one."""

    resultat: str
    serie: Serie | None
    chiffre: str
    stocke: int
    compte: int


def compare(resultat: str, stored: Comptage, counted: Comptage) -> list[Ecart]:
    """Where the two differ."""
    pairs: list[tuple[Serie | None, str, int, int]] = [
        (serie, name, getattr(stored.tableau.row(serie), name), getattr(counted.tableau.row(serie), name))
        for serie in Serie
        for name in CHIFFRES
    ]
    pairs += [
        (None, name, getattr(stored, name), getattr(counted, name))
        for name in ("candidatures_en_attente", "voeux_en_attente")
    ]
    return [
        Ecart(resultat=resultat, serie=serie, chiffre=name, stocke=held, compte=right)
        for serie, name, held, right in pairs
        if held != right
    ]
