"""Receiving the candidates' files, and finding whose they are and where their wishes are (architecture §4).

A file, its student and its formations come in any order, from three writers who do not see each other while they write:
the candidates' site, the imports of the lycées, and the offer. So each of them looks again once it has committed: what
receives a file looks for students and formations (`receive_all`), an import for files (`attach`), the offer for wishes
(`resolve`). Whoever commits last sees what the others did, and since each look is done again when a batch comes again
after a crash, no file is left without its student, nor with a place that its student has left. Looking again where all
is well writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import batched

from kit.mongo import Database, Transactor
from services.eleves.domain import Eleve
from services.eleves.dossiers import Dossier, EtatRecu, new_dossier
from services.eleves.store.dossiers import find_concerned, find_porteurs, find_waiting
from services.eleves.store.formations import Formations
from services.eleves.store.work import Work

_CHUNK = 100
"""Files in a transaction. The embedded store compares each row with every key asked for: beyond, it grows slower."""

type Transact = Transactor[Work]


async def receive_all(
    transact: Transact, formations: Formations, etats: Sequence[EtatRecu], *, ouvertes: frozenset[str]
) -> int:
    """Keep what the site says of these files and tell who has to know; return how many states were newer.

    `ouvertes`, here and below, are the slugs of the académies that are open.
    """
    last: dict[str, EtatRecu] = {}
    for etat in etats:
        held = last.get(etat.id)
        if held is None or held.version < etat.version:
            last[etat.id] = etat
    newer = 0
    for some in batched(last.values(), _CHUNK, strict=False):
        count, standing = await _receive(transact, formations, {etat.id: etat for etat in some}, ouvertes)
        newer += count
        # Of those that are not newer too: it may be that a process committed them, and died before it looked.
        misplaced = await _find_misplaced(transact.database, formations, standing, ouvertes)
        await _look_again(transact, formations, misplaced, ouvertes)
    return newer


async def attach(transact: Transact, eleves: Sequence[Eleve], *, ouvertes: frozenset[str]) -> int:
    """Have the files that concern these students follow them; return how many changed.

    To be called once students have been committed who are new, or have another INE, lycée or académie, or have left or
    come back; and again for those of them of which it is not known whether it was done.
    """
    concerned: set[str] = set()
    for some in batched(eleves, _CHUNK, strict=False):
        concerned |= await find_concerned(transact.database, some)
    return await _look_again(transact, Formations(transact.database), sorted(concerned), ouvertes)


async def resolve(transact: Transact, formations: Formations, ids: Iterable[str], *, ouvertes: frozenset[str]) -> int:
    """Place the wishes that wait for those of these formations that are known now; return how many files changed."""
    asked, count = set(ids), 0
    known = asked & (await formations.academies(asked)).keys()
    for some in batched(sorted(known), _CHUNK, strict=False):
        while waiting := await find_waiting(transact.database, some, limit=_CHUNK):
            count += await _look_again(transact, formations, waiting, ouvertes)
    return count


async def _receive(
    transact: Transact, formations: Formations, etats: Mapping[str, EtatRecu], ouvertes: frozenset[str]
) -> tuple[int, Sequence[Dossier]]:
    """Save the states that are newer; return how many are, and all the files as they stand."""

    async def body(work: Work) -> tuple[int, Sequence[Dossier]]:
        held = await work.dossiers.find(etats)
        newer = [etat for id, etat in etats.items() if id not in held or held[id].recu < etat.version]
        received = [held[etat.id].receive(etat) if etat.id in held else new_dossier(etat) for etat in newer]
        saved = await _place(work, formations, received, ouvertes)
        return len(newer), list((held | {dossier.id: dossier for dossier in saved}).values())

    return await transact(body)


async def _find_misplaced(
    database: Database, formations: Formations, dossiers: Sequence[Dossier], ouvertes: frozenset[str]
) -> list[str]:
    """Those that would have another student or place, as it is known now."""
    porteurs = await find_porteurs(database, dossiers)
    academies = await formations.academies(id for dossier in dossiers for id in dossier.en_attente)
    return [d.id for d in dossiers if d.place(porteurs, academies, ouvertes=ouvertes) != d]


async def _look_again(transact: Transact, formations: Formations, ids: Iterable[str], ouvertes: frozenset[str]) -> int:
    async def body(work: Work, some: Sequence[str]) -> int:
        held = await work.dossiers.find(some)
        placed = await _place(work, formations, list(held.values()), ouvertes)
        return sum(dossier.version != held[dossier.id].version for dossier in placed)

    return sum([await transact(partial(body, some=some)) for some in batched(ids, _CHUNK, strict=False)])


async def _place(
    work: Work, formations: Formations, dossiers: Sequence[Dossier], ouvertes: frozenset[str]
) -> Sequence[Dossier]:
    """Give each file its student and places as they are known now, and save those that changed.

    Files and students are seen at one instant: of two who place a file, the later one sees what the earlier one did.
    """
    porteurs = await work.dossiers.porteurs(dossiers)
    academies = await formations.academies(id for dossier in dossiers for id in dossier.en_attente)
    return await work.dossiers.save_all([d.place(porteurs, academies, ouvertes=ouvertes) for d in dossiers])
