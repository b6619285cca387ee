"""After the store was restored from a backup (architecture §12).

« It voids every session, code, link and refresh token, and TOTP is refused for 90 s. »
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched

from kit.mongo.restoring import begin_restoration, find_restoration
from kit.outbox.rows import drop_before
from kit.versions import Version
from services.identity.deps import Deps
from services.identity.domain.audit import OPERATEUR, Acte
from services.identity.domain.comptes import Compte
from services.identity.mfa import secours, totp
from services.identity.store import restauration as store
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.avis import notify
from services.identity.usecases.comptes import disable
from services.identity.usecases.effacement import erase

TOTP_REFUSE = timedelta(seconds=90)
_TOGETHER = 200


@dataclass(frozen=True, slots=True)
class Publie:
    """What the others were last told of an account: at which version, whether it is there, whether it is active."""

    version: Version
    present: bool
    actif: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilan:
    """What was made of a restoration.

    Args:
        publies: how many accounts were told again.
        disparus: those that the store does not know any more, created after the backup.
        effaces: those that had been erased since, and were again; `desactives`: likewise.
        a_verifier: those that were changed since in another way, and are again as the backup has them.
    """

    generation: int
    publies: int
    disparus: int
    effaces: int
    desactives: int
    a_verifier: Sequence[str]


async def begin(deps: Deps, *, generation_publiee: int) -> None:
    """Take note of a restoration: from now on the service does not start before `finish`.

    Raises:
        Conflict: another process does so at this very moment.
    """
    await begin_restoration(deps.database, above=generation_publiee, now=deps.clock())


async def finish(deps: Deps, publies: Mapping[str, Publie]) -> Bilan:
    """Void what the backup brought back, and make the others know what the store knows; again after a crash is safe.

    `publies` is what the others were last told of each account. Who was erased or disabled since the backup is so
    again: neither may come back because a disk broke.
    """
    restoration = await find_restoration(deps.database)
    assert restoration is not None, "it was begun"  # noqa: S101
    await drop_before(deps.database, restoration.generation)
    last_step = totp.step_at(restoration.at + TOTP_REFUSE)
    await store.void_all(deps.database, le=restoration.at, dernier_pas=last_step)
    async for ids in store.owners_of_codes(deps.database):
        await _void_codes(deps, ids)
    known = await store.known(deps.database)
    erased = {id for id in known & publies.keys() if not publies[id].present}
    for id in sorted(erased):
        await erase(deps, id, par=OPERATEUR)
    changed = await _compare(deps, {id: publies[id] for id in known & publies.keys() - erased})
    published = 0
    async for ids in store.told_before(deps.database, restoration.generation):
        published += await _republish(deps, ids)
    vanished = sorted(id for id in publies.keys() - known if publies[id].present)
    await _tell_gone(deps, vanished, restoration.generation)
    bilan = Bilan(
        generation=restoration.generation,
        publies=published,
        disparus=len(vanished),
        effaces=len(erased),
        desactives=changed.desactives,
        a_verifier=changed.a_verifier,
    )
    await _note_finished(deps, bilan)
    return bilan


async def _void_codes(deps: Deps, ids: list[str]) -> None:
    """Void the recovery codes of these accounts, and tell their owners to make others."""

    async def body(work: Work) -> None:
        await work.secours.void(ids, le=deps.clock())
        for compte in (await work.comptes.find(ids)).values():
            if compte.actif:
                await notify(deps, work, compte, secours.letter_void(compte.prenom))

    await deps.transact(body)


@dataclass(frozen=True, slots=True)
class _Compares:
    desactives: int
    a_verifier: Sequence[str]


async def _compare(deps: Deps, publies: Mapping[str, Publie]) -> _Compares:
    """Disable again who was disabled since the backup; the others that changed since are named."""
    disabled, changed = 0, list[str]()
    for ids in batched(sorted(publies), _TOGETHER, strict=False):
        for compte in (await _read(deps, ids)).values():
            told = publies[compte.id]
            if told.version <= compte.version:
                continue
            if compte.actif and not told.actif:
                await disable(deps, compte.id, par=OPERATEUR)
                disabled += 1
            else:
                changed.append(compte.id)
    return _Compares(disabled, sorted(changed))


async def _read(deps: Deps, ids: Iterable[str]) -> Mapping[str, Compte]:
    async def body(work: Work) -> Mapping[str, Compte]:
        return await work.comptes.find(ids)

    return await deps.transact(body)


async def _republish(deps: Deps, ids: list[str]) -> int:
    async def body(work: Work) -> int:
        return len(await work.comptes.republish(list((await work.comptes.find(ids)).values())))

    return await deps.transact(body)


async def _tell_gone(deps: Deps, ids: Sequence[str], generation: int) -> None:
    for some in batched(ids, _TOGETHER, strict=False):

        async def body(work: Work, some: Sequence[str] = some) -> None:
            await work.tell_gone(some, Version(generation, 1))

        await deps.transact(body)


async def _note_finished(deps: Deps, bilan: Bilan) -> None:
    said = {"generation": str(bilan.generation), "effaces": str(bilan.effaces), "desactives": str(bilan.desactives)}

    async def body(work: Work) -> None:
        await note(deps, work, Acte.RESTAURATION, par=OPERATEUR, detail=said)
        await work.finish_restoration()

    await deps.transact(body)
