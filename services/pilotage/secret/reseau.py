"""Which cells to hide of a place and of those within it, so that none that is hidden can be known. Pure.

Each figure is in two sums: that of its place over the rows, and that of its row over the places within the wider one.
So the cells are the edges of a network whose nodes are these sums, and one person more and one less, by turns, around a
circuit of hidden cells changes nothing that is shown. A hidden cell on such a circuit, for an exchange that changes it
and that every row on the way allows, has another value. Where it is on none, the one that costs least is hidden.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import or_

from services.pilotage.indicateurs import CHIFFRES, Ligne, Tableau
from services.pilotage.secret.cellules import Caches, Cellule, Demande, Partie, Passages, cells
from services.pilotage.secret.circuits import Arete, cheapest_way, hanging_together, on_a_circuit
from services.pilotage.secret.echanges import ECHANGES, TOUS, Echange, Figures
from services.pilotage.secret.petits_groupes import reveals

_ENDLESS = 1 << 60

type _Pas = tuple[Cellule, bool]
"""A step over a cell: up, or down."""


class Reseau:
    """The cells of a place and of those within it, of which more are hidden until none that is can be known.

    Args:
        parties: the places within.
        tout: the wider one, their sum.
        prix: what to hide a cell of the wider one costs more.
        ouvert: whether that one is within another: its cells are in a sum there, and circuits may go through it.
    """

    def __init__(self, parties: Sequence[Partie], tout: Tableau, *, prix: int = 0, ouvert: bool = False) -> None:
        self._parties, self._ouvert = parties, ouvert
        self._haut = cells(None, Partie(tableau=tout, prix=prix))
        self._rangees = [cells(rank, partie) for rank, partie in enumerate(parties)]
        self._numeros = {cell.ligne: number for number, cell in enumerate(self._haut)}
        self._colonnes: list[list[Cellule]] = [[] for _ in self._haut]
        for cell in chain.from_iterable(self._rangees):
            self._colonnes[self._numeros[cell.ligne]].append(cell)
        rows = [(of_place[:-1], of_place[-1]) for of_place in (*self._rangees, self._haut) if of_place]
        self._sums = [*rows, *zip(self._colonnes, self._haut, strict=True)]
        self._sums_of: dict[Cellule, list[int]] = {cell: [] for cell in self._every()}
        for number, (parts, total) in enumerate(self._sums):
            for cell in (*parts, total):
                self._sums_of[cell].append(number)
        self._to_hold = set(range(len(self._sums)))
        self._steps: dict[str, Mapping[int, Sequence[tuple[_Pas, int]]]] = {}
        self.demandes: set[Demande] = set()
        while self._to_hold:
            self._hold_sums()
            self._cover()

    def caches(self, partie: int | None = None) -> Caches:
        """What is hidden of a place within, by its rank, or of the wider one."""
        of_place = self._haut if partie is None else self._rangees[partie]
        return {cell.ligne: cell.caches for cell in of_place if cell.caches}

    def passages(self) -> Passages:
        """Between which rows of the wider place those within it can pass a person on, unseen."""
        found: dict[str, list[list[Ligne]]] = {}
        for echange in ECHANGES:
            inside = [(low, high) for low, high, cell in self._free(echange) if cell.partie is not None]
            groups: dict[int, list[Ligne]] = {}
            for node, stands in sorted(hanging_together(inside).items()):
                if node < len(self._haut):
                    groups.setdefault(stands, []).append(self._haut[node].ligne)
            if joined := [group for group in groups.values() if len(group) > 1]:
                found[echange.nom] = joined
        return found

    def _every(self) -> Iterator[Cellule]:
        return chain(self._haut, *self._rangees)

    def _hide(self, cell: Cellule, change: Figures) -> None:
        if cell.hide(change):
            self._hold_again(cell)

    def _hold_again(self, cell: Cellule) -> None:
        """Look once more at the sums that the cell is in, and those that a cell is in of which it tells something."""
        untold = (other for other in self._colonnes[self._numeros[cell.ligne]] if not other.montree)
        for other in (cell, *untold):
            self._to_hold.update(self._sums_of[other])

    def _hold_sums(self) -> None:
        """Hide more where the hidden cells of a sum are together too small a group."""
        while self._to_hold:
            number = min(self._to_hold)
            self._to_hold.remove(number)
            self._hold(*self._sums[number])

    def _hold(self, parts: Sequence[Cellule], total: Cellule) -> None:
        hidden = [(cell, self._hidden(cell)) for cell in parts]
        of_total, anywhere = self._hidden(total), _any(figures for _, figures in hidden)
        for figure in range(len(CHIFFRES)):
            if not anywhere & ~of_total & 1 << figure:
                continue
            group = [cell for cell, figures in hidden if figures >> figure & 1]
            inside = _any(figures for _, figures in hidden if figures >> figure & 1)
            outside = _any(figures for _, figures in hidden if not figures >> figure & 1)
            # Another figure's sum over the group is told where each of its is, or all the others' and the total.
            told = TOUS & ~(inside & (outside | of_total))
            sums = [sum(cell.valeurs[rank] for cell in group) for rank in range(len(CHIFFRES))]
            if reveals(sums, told, figure):
                left = [cell for cell, figures in hidden if not figures >> figure & 1]
                # What is not shown of a place is told by what is of the wider one.
                shown = [cell if cell.montree else self._haut[self._numeros[cell.ligne]] for cell in left]
                if self._hide_one(shown, total, 1 << figure):
                    return

    def _hide_one(self, cells: Sequence[Cellule], total: Cellule, figure: Figures) -> bool:
        """Hide the cheapest of these, or else the total: one that nothing else tells, or it would not help."""
        for cell in (*sorted(cells, key=lambda cell: cell.cost(figure)), total):
            if cell.partie is not None and self._parties[cell.partie].passages is None and cell.montree:
                # A place without others within can always be put on a circuit; which one, once all its like are hidden.
                self._hide(cell, figure)
                return True
            if self._hide_circuit(cell, figure):
                return True
        return False

    def _hidden(self, cell: Cellule) -> Figures:
        """What is hidden of a cell; where it is not shown, only what the others of its row do not tell."""
        if cell.montree:
            return cell.caches
        number = self._numeros[cell.ligne]
        return _any(other.caches for other in (*self._colonnes[number], self._haut[number]) if other.montree)

    def _cover(self) -> None:
        """Put every hidden cell on a circuit."""
        uncovered = _any(cell.decouvertes for cell in self._every())
        for echange in ECHANGES:
            if echange.change & uncovered:
                for cell in on_a_circuit(self._free(echange)):
                    cell.sures |= echange.change
        for rank, partie in enumerate(self._parties):
            for demande in partie.demandes:
                self._close(rank, demande)
        for cell in self._every():
            while left := cell.decouvertes:
                if not self._hide_circuit(cell, left & -left):
                    cell.concede(left & -left)
                    self._hold_again(cell)

    def _free(self, echange: Echange) -> list[Arete[Cellule]]:
        """The cells of the circuits that an exchange may take either way, and that close here."""
        every = chain(*self._rangees) if self._ouvert else self._every()
        return [(*ends, cell) for cell in every if cell.is_free(echange) and (ends := self._ends(cell, echange))]

    def _close(self, rank: int, demande: Demande) -> None:
        """Close a circuit that leaves a place by one row and comes back by another."""
        (echange,) = (echange for echange in ECHANGES if echange.nom == demande.echange)
        start, goal = self._numeros[demande.sortie], self._numeros[demande.entree]
        without = self._rangees[rank]
        found = self._way(echange, start, goal, aller=demande.aller, without=without, limit=_ENDLESS)
        assert found is not None, "the sum of all can be hidden"  # noqa: S101
        self._hide_all(echange, [cell for cell, _ in found[1]])

    def _hide_circuit(self, cell: Cellule, figure: Figures) -> bool:
        """Hide the cheapest circuit over a cell on which that figure of it varies; say whether there is any."""
        best, found = _ENDLESS, None
        for echange in ECHANGES:
            ends, own = self._ends(cell, echange), cell.cost(echange.change)
            if ends is None or not echange.change & figure:
                continue
            goal, start = ends if cell.monte else ends[::-1]
            for aller in (True, False):
                if own < best and cell.allows(echange, plus=aller):
                    way = self._way(echange, start, goal, aller=aller, without=[cell], limit=best - own)
                    if way is not None:
                        best, found = own + way[0], (echange, aller, [(cell, cell.monte), *way[1]])
        if found is None:
            return False
        echange, aller, circuit = found
        if self._ouvert:
            through = {up: step.ligne for step, up in circuit if step.partie is None}
            if through:
                demande = Demande(echange=echange.nom, aller=aller, sortie=through[True], entree=through[False])
                self.demandes.add(demande)
        self._hide_all(echange, [step for step, _ in circuit])
        return True

    def _hide_all(self, echange: Echange, circuit: Iterable[Cellule]) -> None:
        for cell in circuit:
            self._hide(cell, echange.change)
            cell.sures |= echange.change

    def _way(
        self, echange: Echange, start: int, goal: int, *, aller: bool, without: Sequence[Cellule], limit: int
    ) -> tuple[int, list[_Pas]] | None:
        """The cheapest way between two sums for one person more at each step up that means more, one less at others."""
        around = self._steps_of(echange)

        def steps(node: int) -> Iterator[tuple[_Pas, int, int]]:
            for (cell, up), other in around[node]:
                if cell not in without and cell.allows(echange, plus=(up == cell.monte) == aller):
                    yield (cell, up), other, cell.cost(echange.change)

        return cheapest_way(steps, start, goal, limit=limit)

    def _steps_of(self, echange: Echange) -> Mapping[int, Sequence[tuple[_Pas, int]]]:
        """From each sum the steps over its cells, with where they lead to."""
        same = all(partie.passages is None for partie in self._parties)
        name = "" if same else echange.nom
        if name not in self._steps:
            around: dict[int, list[tuple[_Pas, int]]] = {}
            for cell in chain(self._haut, *self._rangees):
                if ends := self._ends(cell, echange):
                    low, high = ends
                    around.setdefault(low, []).append(((cell, True), high))
                    around.setdefault(high, []).append(((cell, False), low))
            self._steps[name] = around
        return self._steps[name]

    def _ends(self, cell: Cellule, echange: Echange) -> tuple[int, int] | None:
        """The two sums that a cell is in, by number: those of the rows come first, then what is above them all, then
        those of the places; None where the parts of its place do not allow the exchange.
        """
        rows = len(self._haut)
        number = self._numeros[cell.ligne]
        if cell.partie is None:
            return number, rows
        partie = self._parties[cell.partie]
        if partie.passages is None:
            return rows + 1 + cell.partie * rows, number
        for group in partie.passages.get(echange.nom, ()):
            if cell.ligne in group:
                return rows + 1 + cell.partie * rows + self._numeros[group[0]], number
        return None


def _any(figures: Iterable[Figures]) -> Figures:
    return reduce(or_, figures, 0)
