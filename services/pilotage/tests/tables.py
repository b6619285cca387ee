"""Tables of figures, small enough for their groups to be."""

from hypothesis import strategies as st

from services.pilotage.indicateurs import Effectifs, Tableau
from socle.series import Serie


@st.composite
def rows(draw: st.DrawFn, largest: int) -> Effectifs:
    """A row whose groups have at most so many students; some of its viviers differ, as after a freeze."""
    without, elsewhere, mixed, only = (draw(st.integers(0, largest)) for _ in range(4))
    inscrits = without + elsewhere + mixed + only
    initial = max(0, inscrits + draw(st.integers(-1, largest)))
    return Effectifs(
        vivier=draw(st.one_of(st.just(initial), st.integers(0, initial + 1))),
        vivier_initial=initial,
        inscrits=inscrits,
        sans_voeu=without,
        l1_ou_pass=mixed + only,
        l1_ou_pass_seulement=only,
    )


def tables(largest: int) -> st.SearchStrategy[Tableau]:
    """A table of at most three séries."""
    series = st.sampled_from([Serie.GENERALE, Serie.STMG, Serie.PRO])
    return st.dictionaries(series, rows(largest), max_size=3).map(lambda found: Tableau({}) + Tableau(found))
