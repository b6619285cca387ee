"""Applying what a school sent: checked whole, then in chunks that may be applied again (domaine.md §5.1)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import batched

from services.eleves.deps import Deps
from services.eleves.imports import ImportSiecle
from services.eleves.rapport import report
from services.eleves.siecle.changements import Changement, Nature
from services.eleves.siecle.refus import FichierRefuse
from services.eleves.store import courriels
from services.eleves.store.work import Work
from services.eleves.usecases import adresses, contenus
from services.eleves.usecases.dossiers import attach
from services.eleves.usecases.plans import Plan, ids_of_new, make_plan

BAIL = timedelta(minutes=2)
"""≈ ours (ADR 012): how long a process may be silent at work before another takes it over. Reading the largest file
takes seconds, and a chunk that is tried as often as it may be takes ten (kit.mongo.transactions)."""

_CHUNK = 250
"""« some hundreds per transaction » (architecture §3)."""

_FOLLOWED = frozenset({"ine_rnie", "ine_bea", "uai", "academie", "parti_le"})
"""What the candidates' files are found by, and told to: see `dossiers.attach`."""


async def take_next(deps: Deps, *, titulaire: str) -> ImportSiecle | None:
    """Take the oldest import that nobody works at; None when there is none."""

    async def body(work: Work) -> ImportSiecle | None:
        now: datetime = deps.clock()
        found = await work.imports.next_in_line(now=now)
        return None if found is None else await work.imports.take(found.take(titulaire, now=now, bail=BAIL))

    return await deps.transact(body)


async def take_again(deps: Deps, id: str, *, titulaire: str) -> ImportSiecle:
    """Begin once more the import that `titulaire` has.

    Raises:
        AutreTitulaire: another process has taken it over.
    """

    async def body(work: Work) -> ImportSiecle:
        held = await work.imports.get(id)
        return await work.imports.save(held.take_again(titulaire, now=deps.clock(), bail=BAIL))

    return await deps.transact(body)


async def apply_import(deps: Deps, held: ImportSiecle, *, titulaire: str) -> ImportSiecle:
    """Do the whole of an import that `titulaire` has taken, or what is left of it; return it as it ends.

    Whatever was applied before a crash is then found unchanged, so that nothing is applied twice.

    Raises:
        AutreTitulaire: another process has taken it over.
        Conflict: a student was changed meanwhile; to be done again.
        Unavailable: the store is away; to be done again.
    """
    try:
        controle, connus = await contenus.read(deps, held)
    except FichierRefuse as refus:
        return await _refuse(deps, held, refus, titulaire=titulaire)
    planned = await make_plan(deps, held, controle, connus)
    remaining = planned.remaining
    left = len(remaining)
    for chunk in batched(remaining, _CHUNK, strict=False):
        left -= len(chunk)
        await _apply(deps, held.id, titulaire, planned, chunk, restants=left)
        await attach(deps.transact, [c.eleve for c in chunk if _concerns_files(c)], ouvertes=deps.academies)
    if held.travail is not None and held.travail.essais > 1:
        # A process before this one may have died between a chunk and the files of its students.
        await attach(deps.transact, [c.eleve for c in planned.changements], ouvertes=deps.academies)
    before = held.travail.cedees if held.travail else {}
    await courriels.free(deps.database, {**before, **planned.former}.items())
    return await _finish(deps, held.id, planned, titulaire=titulaire)


async def _refuse(deps: Deps, held: ImportSiecle, refus: FichierRefuse, *, titulaire: str) -> ImportSiecle:
    async def body(work: Work) -> ImportSiecle:
        return await work.imports.save((await work.imports.get(held.id)).refuse(titulaire, refus))

    return await deps.transact(body)


async def _apply(
    deps: Deps,
    id: str,
    titulaire: str,
    planned: Plan,
    chunk: Sequence[Changement],
    *,
    restants: int,
) -> None:
    """Save these changes, and how far the import has come with them."""
    moves = [(planned.connus[c.eleve.id], c.eleve) for c in chunk if planned.changes_academie(c)]
    moved = {arrived.id for _, arrived in moves}
    others = [c.eleve for c in chunk if c.eleve.id not in moved]

    async def body(work: Work) -> None:
        held = await work.imports.get(id)
        advanced = held.advance(titulaire, chunk, restants=restants, cedees=planned.former, now=deps.clock(), bail=BAIL)
        await work.imports.save(advanced)
        await work.eleves.move_all(moves)
        await work.eleves.save_all(others)

    await deps.transact(body)


def _concerns_files(changement: Changement) -> bool:
    """Whether the candidates' files may have to follow: they are found by INE, and told to where their student is."""
    return changement.nature is Nature.NOUVEAU or not _FOLLOWED.isdisjoint(changement.champs)


async def _finish(deps: Deps, id: str, planned: Plan, *, titulaire: str) -> ImportSiecle:
    async def body(work: Work) -> ImportSiecle:
        held = await work.imports.get(id)
        travail = held.travail
        rapport = report(
            planned.controle,
            planned.rapprochement,
            planned.changements,
            appliques=travail.appliques if travail else {},
            arrives=travail.arrives if travail else (),
        )
        return await work.imports.save(held.finish(titulaire, rapport))

    return await deps.transact(body)


async def give_up(deps: Deps, held: ImportSiecle, *, titulaire: str) -> None:
    """End an import that could not be done, and free the addresses that it claimed for students it did not save.

    Raises:
        AutreTitulaire: another process has taken it over.
    """

    async def body(work: Work) -> None:
        await work.imports.save((await work.imports.get(held.id)).fail(titulaire))

    await deps.transact(body)
    controle, connus = await contenus.read(deps, held)
    saved, new_id = {eleve.id for eleve in connus}, ids_of_new(deps, held)
    # Several rows may have one address, of which one claimed it.
    claimed = [
        (adresses.fingerprint(deps, held.session, ligne.courriel.adresse), new_id(ligne))
        for ligne in controle.lignes
        if ligne.courriel.adresse is not None
    ]
    await courriels.free(deps.database, [(key, id) for key, id in claimed if id not in saved])
