"""Applying what a school sent: checked whole, then in chunks that may be applied again (domaine.md §5.1)."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched
from typing import IO

from ulid import ULID

from services.eleves.deps import Deps
from services.eleves.domain import Eleve
from services.eleves.imports import ImportSiecle
from services.eleves.rapport import report
from services.eleves.siecle.arrivees import match_arrivals, unmatched_ines
from services.eleves.siecle.changements import Changement, Nature, plan
from services.eleves.siecle.controle import Controle, LigneControlee, check
from services.eleves.siecle.lecture import read_documents
from services.eleves.siecle.paquet import open_document
from services.eleves.siecle.rapprochement import Paire, Rapprochement, match
from services.eleves.siecle.refus import FichierRefuse, FichierVide
from services.eleves.store import courriels
from services.eleves.store.listes import find_elsewhere, find_school
from services.eleves.store.work import Work
from services.eleves.usecases.dossiers import attach

BAIL = timedelta(minutes=2)
"""How long a process may be silent at work before another takes it over; reading the largest file takes seconds."""

_CHUNK = 250
_FOLLOWED = frozenset({"ine_rnie", "ine_bea", "uai", "academie", "parti_le"})
_IN_MEMORY = 4 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What the files of an import mean for the school, as it is now.

    Args:
        former: addresses that known students give up (fingerprint to student).
    """

    controle: Controle
    rapprochement: Rapprochement
    changements: Sequence[Changement]
    connus: Mapping[str, Eleve]
    former: Mapping[str, str]

    @property
    def remaining(self) -> list[Changement]:
        return [c for c in self.changements if c.nature is not Nature.INCHANGE]


async def apply_import(deps: Deps, held: ImportSiecle, *, titulaire: str) -> ImportSiecle:
    """Do the whole of an import that `titulaire` has taken, or what is left of it; return it as it ends.

    Whatever was applied before a crash is then found unchanged, so that nothing is applied twice.

    Raises:
        AutreTitulaire: another process has taken it over.
        Conflict: a student was changed meanwhile; to be done again.
        Unavailable: the store is away; to be done again.
    """
    # The store looks the students up while a thread reads the file.
    looking = asyncio.create_task(find_school(deps.database, session=held.session, uai=held.uai))
    try:
        controle = await _read(deps, held)
        connus = await looking
    except FichierRefuse as refus:
        refused = refus

        async def refuse(work: Work) -> ImportSiecle:
            return await work.imports.save((await work.imports.get(held.id)).refuse(titulaire, refused))

        return await deps.transact(refuse)
    finally:
        looking.cancel()
    planned = await _plan(deps, held, controle, connus)
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

    async def finish(work: Work) -> ImportSiecle:
        present = await work.imports.get(held.id)
        appliques = present.travail.appliques if present.travail else {}
        rapport = report(controle, planned.rapprochement, planned.changements, appliques)
        return await work.imports.save(present.finish(titulaire, rapport))

    return await deps.transact(finish)


async def _read(deps: Deps, held: ImportSiecle) -> Controle:
    """What the files hold.

    Raises:
        FichierRefuse: they cannot be taken.
    """
    with ExitStack() as opened:
        sources: list[tuple[str, IO[bytes]]] = []
        for fichier in held.fichiers:
            source = opened.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
            if fichier.contenu is None or not await deps.files.read_into(fichier.contenu, source):
                raise FichierVide(f"Le fichier « {fichier.nom} » n'est plus conservé : refaites l'envoi.")
            sources.append((fichier.nom, source))
        # In a thread: the service goes on answering meanwhile.
        return await asyncio.to_thread(_check, sources, held.uai, held.session)


def _check(sources: Sequence[tuple[str, IO[bytes]]], uai: str, session: int) -> Controle:
    documents = [open_document(source, nom) for nom, source in sources]
    return check(read_documents(documents), uai=uai, session=session)


async def _plan(deps: Deps, held: ImportSiecle, controle: Controle, connus: Sequence[Eleve]) -> _Plan:
    matched = match(controle, connus, new_id=_ids(deps, held))
    ines = unmatched_ines(matched)
    ailleurs = await find_elsewhere(deps.database, session=held.session, uai=held.uai, ines=ines)
    matched = match_arrivals(matched, ailleurs, exporte_le=controle.exporte_le)
    known = {eleve.id: eleve for eleve in (*connus, *ailleurs)}
    former = _given_up(deps, held.session, matched.paires)
    matched = await _claim(deps, held.session, matched, former)
    changements = plan(
        matched,
        controle=controle,
        academie=held.academie,
        vivier_gele=held.vivier_gele,
        premier_envoi=not connus,
    )
    return _Plan(controle=controle, rapprochement=matched, changements=changements, connus=known, former=former)


def _ids(deps: Deps, held: ImportSiecle) -> Callable[[LigneControlee], str]:
    """The id of a new student, by its row: the same one when the import is done again after a crash, since its address
    has been claimed by it.
    """
    moment = int((held.depose_le or held.demande_le).timestamp() * 1000).to_bytes(6)

    def new_id(ligne: LigneControlee) -> str:
        mark = deps.fingerprints.of("eleve", f"{held.id}/{ligne.siecle.eleve_id}")
        return f"{held.session}/{ULID(moment + bytes.fromhex(mark)[:10])}"

    return new_id


def _key(deps: Deps, session: int, adresse: str) -> str:
    return deps.fingerprints.of(f"courriel/{session}", adresse)


def _given_up(deps: Deps, session: int, paires: Sequence[Paire]) -> dict[str, str]:
    return {
        _key(deps, session, paire.connu.courriel.adresse): paire.connu.id
        for paire in paires
        if paire.connu is not None
        and paire.connu.courriel.adresse is not None
        and paire.connu.courriel.adresse != paire.courriel.adresse
    }


async def _claim(deps: Deps, session: int, matched: Rapprochement, former: Mapping[str, str]) -> Rapprochement:
    """Claim the addresses that the students do not hold yet; those that are somebody else's are taken away."""
    owners = {
        _key(deps, session, paire.courriel.adresse): paire.id
        for paire in matched.paires
        if paire.courriel.adresse is not None
        and (paire.connu is None or paire.connu.courriel.adresse != paire.courriel.adresse)
    }
    lost = await courriels.claim(deps.database, owners)
    # Two students of one school may exchange their addresses in one file.
    handed = {key: (former[key], owners[key]) for key in lost if key in former}
    lost -= await courriels.hand_over(deps.database, handed)
    losers = {owners[key] for key in lost}
    paires = tuple(paire.refuse_courriel() if paire.id in losers else paire for paire in matched.paires)
    return replace(matched, paires=paires)


async def _apply(
    deps: Deps,
    id: str,
    titulaire: str,
    planned: _Plan,
    chunk: Sequence[Changement],
    *,
    restants: int,
) -> None:
    """Save these changes, and how far the import has come with them."""
    connus = planned.connus
    moves = [(connus[c.eleve.id], c.eleve) for c in chunk if _changes_academie(connus, c)]
    moved = {arrived.id for _, arrived in moves}
    others = [c.eleve for c in chunk if c.eleve.id not in moved]
    natures = [c.nature for c in chunk]

    async def body(work: Work) -> None:
        held = await work.imports.get(id)
        advanced = held.advance(
            titulaire, natures, restants=restants, cedees=planned.former, now=deps.clock(), bail=BAIL
        )
        await work.imports.save(advanced)
        await work.eleves.move_all(moves)
        await work.eleves.save_all(others)

    await deps.transact(body)


def _concerns_files(changement: Changement) -> bool:
    """Whether the candidates' files may have to follow: they are found by INE, and told to where their student is."""
    return changement.nature is Nature.NOUVEAU or not _FOLLOWED.isdisjoint(changement.champs)


def _changes_academie(connus: Mapping[str, Eleve], changement: Changement) -> bool:
    known = connus.get(changement.eleve.id)
    return known is not None and known.academie != changement.eleve.academie


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


async def give_up(deps: Deps, held: ImportSiecle, *, titulaire: str) -> None:
    """End an import that could not be done, and free the addresses that it claimed for students it did not save.

    Raises:
        AutreTitulaire: another process has taken it over.
    """

    async def body(work: Work) -> None:
        await work.imports.save((await work.imports.get(held.id)).fail(titulaire))

    await deps.transact(body)
    await _free_claims(deps, held)


async def _free_claims(deps: Deps, held: ImportSiecle) -> None:
    controle = await _read(deps, held)
    saved = {eleve.id for eleve in await find_school(deps.database, session=held.session, uai=held.uai)}
    new_id = _ids(deps, held)
    # Several rows may have one address, of which one claimed it.
    claimed = [
        (_key(deps, held.session, ligne.courriel.adresse), new_id(ligne))
        for ligne in controle.lignes
        if ligne.courriel.adresse is not None
    ]
    await courriels.free(deps.database, [(key, id) for key, id in claimed if id not in saved])
