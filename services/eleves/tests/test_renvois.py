"""The same file again, or the rest of it after a crash: whatever it holds, it means the same (domaine.md §5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from generateur.ecoles import Ecole, EleveFictif
from services.eleves.domain import Eleve
from services.eleves.siecle.changements import Changement, Nature
from services.eleves.siecle.compte_rendu import CodeAvertissement, CodeRejet
from services.eleves.siecle.rapprochement import Rapprochement
from services.eleves.siecle.refus import ElevesAbsents
from services.eleves.tests.envois import after, ecole, send

LYCEE = ecole(terminales=40)
SURS = 28
"""How many students of it no file says anything doubtful of."""
AILLEURS = "0779001R"


@dataclass(frozen=True, slots=True)
class Monde:
    """The students of a school and those of another, who may come to it."""

    connus: Sequence[Eleve] = ()
    ailleurs: Sequence[Eleve] = ()

    def send(self, lycee: Ecole, *, envoi: int, vivier_gele: bool) -> tuple[Rapprochement, Sequence[Changement]]:
        return send(lycee, self.connus, ailleurs=self.ailleurs, vivier_gele=vivier_gele, envoi=envoi)

    def after(self, changements: Sequence[Changement]) -> "Monde":
        come = {changement.eleve.id for changement in changements}
        return Monde(after(self.connus, changements), [eleve for eleve in self.ailleurs if eleve.id not in come])


def elsewhere() -> list[Eleve]:
    """Four students of another school, with what some files here have as identifiers."""
    _, changements = send(part(36, 40), envoi=99)
    return [replace(c.eleve, uai=AILLEURS, id=f"2025/AILLEURS{rank}") for rank, c in enumerate(changements)]


def part(first: int, last: int, days: int = 0) -> Ecole:
    """A file of some of the students."""
    return replace(LYCEE, eleves=LYCEE.eleves[first:last], exportee_le=LYCEE.exportee_le + timedelta(days=days))


def renumbered() -> Ecole:
    """A file in which SIECLE has given the number of a student to a new one."""
    first = LYCEE.eleves[0]
    new = replace(first, ine_rnie="123456789AB", ine_bea=None, naissance=date(2006, 1, 1), courriel=None)
    return replace(LYCEE, eleves=(new, replace(first, eleve_id="999999"), *LYCEE.eleves[1:]))


@st.composite
def rows(draw: st.DrawFn, rank: int) -> EleveFictif | None:
    """What a file has of a student: often all, sometimes nothing, or what is another's."""
    eleve = LYCEE.eleves[rank]
    if draw(st.integers(0, 3)) == 0:
        return None
    if draw(st.booleans()):
        return eleve
    other = LYCEE.eleves[draw(st.integers(SURS, len(LYCEE.eleves) - 1))]
    return replace(
        eleve,
        ine_rnie=draw(st.sampled_from([eleve.ine_rnie, other.ine_rnie])),
        ine_bea=draw(st.sampled_from([eleve.ine_bea, "0123456789M", "0000000001B", None])),
        eleve_id=draw(st.sampled_from([eleve.eleve_id, other.eleve_id])),
        naissance=draw(st.sampled_from([eleve.naissance, date(2007, 1, 1)])),
        courriel=draw(st.sampled_from([eleve.courriel, "fratrie@courriel.example", None])),
        sortie=draw(st.sampled_from([None, None, date(2024, 12, 1)])),
        balises=draw(st.sampled_from([{}, {"INE_RNIE": "", "ID_NATIONAL": ""}, {"DATE_NAISS": "x"}])),
    )


@st.composite
def files(draw: st.DrawFn) -> Ecole:
    """A file of the school, of one of three days: some of its students, and what it says of the others."""
    first, last = draw(st.integers(0, 14)), draw(st.integers(14, SURS))
    doubtful = [row for rank in range(SURS, len(LYCEE.eleves)) if (row := draw(rows(rank))) is not None]
    known = part(first, last, days=draw(st.integers(0, 2)))
    return replace(known, eleves=(*known.eleves, *doubtful))


def told(matched: Rapprochement) -> tuple[list[CodeRejet], list[CodeAvertissement]]:
    return [rejet.code for rejet in matched.rejets], [a.code for a in matched.avertissements]


ENVOIS = st.lists(files(), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(envois=ENVOIS, gele=st.booleans())
@example(envois=[part(0, 7), part(7, 40, days=7)], gele=False)
@example(envois=[part(7, 40), part(0, 7, days=7), part(7, 40)], gele=True)
@example(envois=[part(0, 40), renumbered()], gele=False)
def test_the_same_file_again_changes_nothing(envois: Sequence[Ecole], *, gele: bool) -> None:
    monde = Monde(ailleurs=elsewhere())
    for envoi, lycee in enumerate(envois):
        try:
            matched, changements = monde.send(lycee, envoi=envoi, vivier_gele=gele)
        except ElevesAbsents:
            continue
        monde = monde.after(changements)
        again, unchanged = monde.send(lycee, envoi=envoi + 100, vivier_gele=gele)
        assert {c.nature for c in unchanged} <= {Nature.INCHANGE}
        assert told(again) == told(matched)


@settings(max_examples=40, deadline=None)
@given(envois=ENVOIS, gele=st.booleans(), cut=st.integers(0, 40))
@example(envois=[part(0, 40)], gele=True, cut=5)
@example(envois=[part(0, 7), part(7, 40, days=7)], gele=False, cut=25)
@example(envois=[part(0, 40), renumbered()], gele=False, cut=1)
def test_an_import_cut_short_anywhere_ends_as_if_it_had_not(envois: Sequence[Ecole], *, gele: bool, cut: int) -> None:
    monde = Monde(ailleurs=elsewhere())
    for envoi, lycee in enumerate(envois):
        try:
            matched, changements = monde.send(lycee, envoi=envoi, vivier_gele=gele)
        except ElevesAbsents:
            continue
        dead = monde.after([c for c in changements if c.nature is not Nature.INCHANGE][:cut])
        rest, remaining = dead.send(lycee, envoi=envoi, vivier_gele=gele)
        monde = monde.after(changements)
        resumed = dead.after(remaining)
        assert {e.id: e for e in resumed.connus} == {e.id: e for e in monde.connus}
        assert {e.id for e in resumed.ailleurs} == {e.id for e in monde.ailleurs}
        assert told(rest) == told(matched)
