"""Applying what a school sent: checked whole, then in chunks that may be applied again (domaine.md §5.1)."""

from collections.abc import Collection, Sequence
from itertools import batched

from services.eleves.deps import Deps
from services.eleves.domain import Eleve
from services.eleves.imports import ImportSiecle
from services.eleves.rapport import report
from services.eleves.siecle.arrivees import ines_of, tell_arrivals, tell_shared
from services.eleves.siecle.changements import Changement, Nature
from services.eleves.siecle.refus import FichierRefuse
from services.eleves.store import courriels
from services.eleves.store.imports import others_at_work
from services.eleves.store.listes import find_shared_ines
from services.eleves.store.work import Work
from services.eleves.usecases import adresses, contenus
from services.eleves.usecases.dossiers import attach
from services.eleves.usecases.plans import Comparaison, Plan, compare, ids_of_new, make_plan

_CHUNK = 250
"""« some hundreds per transaction » (architecture §3)."""

_INE = frozenset({"ine_rnie", "ine_bea"})

_FOLLOWED = _INE | {"uai", "academie", "parti_le"}
"""What the candidates' files are found by, and told to: see `dossiers.attach`."""


async def take_next(deps: Deps, *, titulaire: str) -> ImportSiecle | None:
    """Take the oldest import that nobody works at; None when there is none."""

    async def body(work: Work) -> ImportSiecle | None:
        now = deps.clock()
        found = await work.imports.next_in_line(now=now)
        return None if found is None else await work.imports.take(found.take(titulaire, now=now))

    return await deps.transact(body)


async def take_again(deps: Deps, id: str, *, titulaire: str) -> ImportSiecle:
    """Begin once more the import that `titulaire` has.

    Raises:
        AutreTitulaire: another process has taken it over.
    """

    async def body(work: Work) -> ImportSiecle:
        held = await work.imports.get(id)
        return await work.imports.save(held.take_again(titulaire, now=deps.clock()))

    return await deps.transact(body)


async def renew(deps: Deps, id: str, *, titulaire: str) -> None:
    """Say that `titulaire` is still at work.

    Raises:
        AutreTitulaire: another process has taken it over.
    """

    async def body(work: Work) -> None:
        await work.imports.save((await work.imports.get(id)).renew(titulaire, now=deps.clock()))

    await deps.transact(body)


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
    now = deps.clock()
    others = await others_at_work(deps.database, held, since=now)
    planned = await make_plan(deps, held, await compare(deps, held, controle, connus))
    remaining = planned.remaining
    left = len(remaining)
    for chunk in batched(remaining, _CHUNK, strict=False):
        left -= len(chunk)
        await _apply(deps, held.id, titulaire, planned, chunk, restants=left)
        await attach(deps.transact, [c.eleve for c in chunk if _concerns_files(c)], ouvertes=deps.academies)
    if held.resumed:
        # A process before this one may have died between a chunk and the files of its students.
        await attach(deps.transact, [c.eleve for c in planned.changements], ouvertes=deps.academies)
        await _settle(deps, held, planned.compare, planned.eleves, titulaire=titulaire)
    else:
        await courriels.free(deps.database, planned.former.items())
    alone = not held.resumed and others == await others_at_work(deps.database, held, since=now)
    shared = await _find_shared(deps, held, planned, alone=alone)
    return await _finish(deps, held.id, planned, shared, titulaire=titulaire)


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
    moves = [(planned.compare.connus[c.eleve.id], c.eleve) for c in chunk if planned.changes_academie(c)]
    moved = {arrived.id for _, arrived in moves}
    others = [c.eleve for c in chunk if c.eleve.id not in moved]

    async def body(work: Work) -> None:
        held = await work.imports.get(id)
        advanced = held.advance(titulaire, chunk, restants=restants, cedees=planned.former, now=deps.clock())
        await work.imports.save(advanced)
        await work.eleves.move_all(moves)
        await work.eleves.save_all(others)

    await deps.transact(body)


def _concerns_files(changement: Changement) -> bool:
    """Whether the candidates' files may have to follow: they are found by INE, and told to where their student is."""
    return changement.nature is Nature.NOUVEAU or not _FOLLOWED.isdisjoint(changement.champs)


async def _find_shared(deps: Deps, held: ImportSiecle, planned: Plan, *, alone: bool) -> frozenset[str]:
    """The INE that this import gave to students while others elsewhere have them.

    Each import looks once more when it has committed, so that of two that gave one INE whoever did so last sees the
    other. Where it was `alone` since it looked first, new students need it only if somebody was found then: as students
    come by imports only, nobody has come since.
    """
    found = planned.compare.ines_elsewhere(held.uai) if alone else None
    given = {c.eleve.id for c in planned.remaining if _gives_ine(c, found)}
    paires = [p for p in planned.compare.rapprochement.paires if held.resumed or p.id in given]
    return await find_shared_ines(deps.database, session=held.session, uai=held.uai, ines=ines_of(paires))


def _gives_ine(changement: Changement, found: Collection[str] | None) -> bool:
    """Whether it gives its student an INE that others may have; of the new, one of those `found` elsewhere, or any."""
    if changement.nature is Nature.NOUVEAU:
        return found is None or not changement.eleve.siecle.ines.isdisjoint(found)
    return not _INE.isdisjoint(changement.champs)


async def _finish(deps: Deps, id: str, planned: Plan, shared: frozenset[str], *, titulaire: str) -> ImportSiecle:
    matched = planned.compare.rapprochement

    async def body(work: Work) -> ImportSiecle:
        held = await work.imports.get(id)
        travail = held.travail
        rapport = report(
            planned.compare.controle,
            matched,
            planned.changements,
            appliques=travail.appliques if travail else {},
            constats=(*tell_arrivals(matched, travail.arrives if travail else ()), *tell_shared(matched, shared)),
        )
        return await work.imports.save(held.finish(titulaire, rapport))

    return await deps.transact(body)


async def give_up(deps: Deps, held: ImportSiecle, *, titulaire: str) -> None:
    """End an import that could not be done, and leave the addresses that it claimed to the students who have them.

    Raises:
        AutreTitulaire: another process has taken it over.
    """
    controle, connus = await contenus.read(deps, held)
    compared = await compare(deps, held, controle, connus)
    await _settle(deps, held, compared, compared.connus.values(), titulaire=titulaire)
    await fail(deps, held, titulaire=titulaire)


async def _settle(
    deps: Deps, held: ImportSiecle, compared: Comparaison, eleves: Collection[Eleve], *, titulaire: str
) -> None:
    """Settle the addresses of an import of which a try was cut short: of its school, and of whom it brings to it."""
    lignes, new_id = compared.controle.lignes, ids_of_new(deps, held)
    claimants = {eleve.id for eleve in eleves if eleve.uai == held.uai}
    claimants |= {paire.id for paire in compared.rapprochement.paires} | {new_id(ligne) for ligne in lignes}
    await adresses.settle(deps, held, lignes=lignes, eleves=eleves, claimants=claimants, titulaire=titulaire)


async def fail(deps: Deps, held: ImportSiecle, *, titulaire: str) -> None:
    """End an import that could not be done, whose files cannot be read either.

    Raises:
        AutreTitulaire: another process has taken it over.
    """

    async def body(work: Work) -> None:
        await work.imports.save((await work.imports.get(held.id)).fail(titulaire))

    await deps.transact(body)
