"""Every figure the platform shows, counted again from the files it was fed with, by code that imports nothing of ours.

The definitions are those of domaine.md §6 (indicators) and §7 (reports). It counts plainly, in memory, and supposes
files without the faults that an import rejects: what is done of those is the business of their own tests.
"""

import csv
import json
import re
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lxml import etree

type Echelon = Literal["lycee", "academie", "nation"]
type Etat = dict[str, Any]
"""A candidate's state, as a line of the generator's file holds it."""

_NATION = ""
TOUTES_SERIES = ""
_L1_OU_PASS = frozenset({"Licence", "Licence_Las", "PASS"})
"""Of the column `fili`: « un vœu de L1 ou PASS » is a licence, LAS or PASS."""
_TECHNO = re.compile(r"(?:T|TERMINALE)[- ]*(STMG|STI2D|ST2S|STL|STAV|STD2A|STHR|S2TMD)\b")
_GENERALE = re.compile(r"TERMINALE +(?:GENERALE|SCIENTIFIQUE|ECONOMIQUE|LITTERAIRE)\b")
_PRO = re.compile(r"(?:TLE|TERMINALE) ?PRO")


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


@dataclass(slots=True)
class Recompte:
    """All figures: indicators by échelon, name (UAI, slug of the académie, nothing) and série; reports by formation."""

    indicateurs: dict[tuple[Echelon, str, str], Indicateurs] = field(default_factory=lambda: defaultdict(Indicateurs))
    rapports: dict[str, ChiffresRapport] = field(default_factory=dict)

    def lycee(self, uai: str, serie: str = TOUTES_SERIES) -> Indicateurs:
        return self.indicateurs["lycee", uai, serie]

    def academie(self, slug: str, serie: str = TOUTES_SERIES) -> Indicateurs:
        return self.indicateurs["academie", slug, serie]

    def nation(self, serie: str = TOUTES_SERIES) -> Indicateurs:
        return self.indicateurs["nation", _NATION, serie]


class Eleve(NamedTuple):
    """A student of terminale, as the last file that names it says."""

    ine: frozenset[str]
    serie: str
    present: bool


type Eleves = dict[tuple[str, str], Eleve]
"""By UAI and ELEVE_ID."""


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
    return recompte


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


def read_series(nomenclature: Path) -> dict[str, str]:
    """The série of each MEF of terminale, by its label; the others are left out."""
    series = {}
    for mef in etree.parse(BytesIO(_xml(nomenclature))).iterfind("DONNEES/MEFS/MEF"):
        label = mef.findtext("LIBELLE_LONG") or ""
        if found := _TECHNO.match(label):
            series[mef.attrib["CODE_MEF"]] = str(found[1])
        elif _GENERALE.match(label):
            series[mef.attrib["CODE_MEF"]] = "GENERALE"
        elif _PRO.match(label):
            series[mef.attrib["CODE_MEF"]] = "PRO"
    return {str(code): serie for code, serie in series.items()}


def read_eleves(files: Iterable[Path], series: Mapping[str, str]) -> Eleves:
    """The students of terminale of these files, those who have left included.

    Raises:
        ValueError: a student is present in two schools: this recount does not follow who moves.
    """
    eleves: Eleves = {}
    for path in files:
        root = etree.parse(BytesIO(_xml(path)))
        uai = root.findtext("PARAMETRES/UAJ") or ""
        exported = _day(root.findtext("PARAMETRES/DATE_EXPORT") or "")
        before = {key for key, eleve in eleves.items() if key[0] == uai and eleve.present}
        named = set()
        for row in root.iterfind("DONNEES/ELEVES/ELEVE"):
            serie = series.get(row.findtext("CODE_MEF") or "")
            if serie is not None:
                left = row.findtext("DATE_SORTIE")
                ine = frozenset(filter(None, (row.findtext("INE_RNIE"), row.findtext("INE_BEA"))))
                key = uai, str(row.attrib["ELEVE_ID"])
                eleves[key] = Eleve(ine, serie, not left or _day(left) > exported)
                named.add(key)
        missing = before - named
        if len(missing) <= max(5, len(before) / 5):
            eleves |= {key: eleves[key]._replace(present=False) for key in missing}
    seen = Counter(ine for eleve in eleves.values() if eleve.present for ine in eleve.ine)
    if any(number > 1 for number in seen.values()):
        raise ValueError("a student is present in two schools")
    return eleves


def last_states(files: Iterable[Path], session: int) -> Iterator[Etat]:
    """The last state of each candidate of the session."""
    last: dict[str, Etat] = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            etat: Etat = json.loads(line)
            held = last.get(etat["candidat"])
            if etat["session"] == session and (held is None or held["version"] < etat["version"]):
                last[etat["candidat"]] = etat
    yield from last.values()


def read_offre(path: Path, session: int) -> dict[str, dict[str, str]]:
    """The rows of the offer, by id of the formation."""
    return {f"{session}/{row['cod_aff_form']}": row for row in _rows(path)}


def read_academies(path: Path) -> dict[str, str]:
    """The slug of the académie of each school."""
    return {row["uai"]: _slug(row["academie"]) for row in _rows(path)}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text, delimiter=";"))


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", "-", plain.lower()).strip("-")


def _xml(path: Path) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def _day(text: str) -> date:
    return datetime.strptime(text, "%d/%m/%Y").date()  # noqa: DTZ007 - a day, of no zone
