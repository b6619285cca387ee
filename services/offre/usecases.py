"""What is done with the offer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import batched

from kit.mongo import Transactor
from services.offre.chargement.formations import LigneOffre
from services.offre.chargement.lycees import LigneLycee
from services.offre.domain import Etablissement, Formation
from services.offre.store import Work

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Bilan:
    """What a load did to one kind of thing."""

    nouveaux: int = 0
    modifies: int = 0
    inchanges: int = 0

    def __add__(self, other: "Bilan") -> "Bilan":
        return Bilan(self.nouveaux + other.nouveaux, self.modifies + other.modifies, self.inchanges + other.inchanges)


async def load_formations(transact: Transactor[Work], lignes: Sequence[LigneOffre]) -> tuple[Bilan, Bilan]:
    """Save the establishments and formations of an offer, in batches; what is unchanged is not written.

    Returns what became of the establishments, and of the formations.
    """
    hosts = {ligne.etablissement.uai: ligne.etablissement for ligne in lignes}
    etablissements = await _load_sides(transact, list(hosts.values()))
    formations = Bilan()
    for batch in batched([ligne.formation for ligne in lignes], _BATCH, strict=False):
        formations += await _save_formations(transact, batch)
    return etablissements, formations


async def load_lycees(transact: Transactor[Work], lignes: Sequence[LigneLycee]) -> Bilan:
    """Save the origin side of the lycées of a directory, in batches; what is unchanged is not written."""
    return await _load_sides(transact, [ligne.etablissement for ligne in lignes])


async def _load_sides(transact: Transactor[Work], etablissements: Sequence[Etablissement]) -> Bilan:
    bilan = Bilan()
    for batch in batched(etablissements, _BATCH, strict=False):
        bilan += await _save_sides(transact, batch)
    return bilan


async def _save_sides(transact: Transactor[Work], batch: Sequence[Etablissement]) -> Bilan:
    async def body(work: Work) -> Bilan:
        held = await work.etablissements.find(e.uai for e in batch)
        merged = [_with_side(held.get(e.uai), e) for e in batch]
        return _bilan(held, await work.etablissements.save_all(merged))

    return await transact(body)


def _with_side(held: Etablissement | None, read: Etablissement) -> Etablissement:
    """The establishment with the side that was read, keeping the other one."""
    if held is None:
        return read
    return replace(held, origine=read.origine or held.origine, accueil=read.accueil or held.accueil)


async def _save_formations(transact: Transactor[Work], batch: Sequence[Formation]) -> Bilan:
    async def body(work: Work) -> Bilan:
        held = await work.formations.find(f.id for f in batch)
        read = [replace(f, version=held[f.id].version) if f.id in held else f for f in batch]
        return _bilan(held, await work.formations.save_all(read))

    return await transact(body)


def _bilan[A: Etablissement | Formation](held: dict[str, A], saved: Sequence[A]) -> Bilan:
    same: Callable[[A], bool] = lambda a: held.get(a.id) == a  # noqa: E731
    unchanged = sum(1 for a in saved if same(a))
    new = sum(1 for a in saved if a.id not in held)
    return Bilan(nouveaux=new, modifies=len(saved) - unchanged - new, inchanges=unchanged)
