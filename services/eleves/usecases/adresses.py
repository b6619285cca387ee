"""The addresses that an import claims for its students, hands over and gives back (architecture §3, ADR 012)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import batched

from services.eleves.deps import Deps
from services.eleves.domain import Eleve
from services.eleves.imports import ImportSiecle
from services.eleves.siecle.controle import LigneControlee
from services.eleves.siecle.rapprochement import Paire, Rapprochement
from services.eleves.store import courriels
from services.eleves.store.work import Work

_CHUNK = 250
"""« some hundreds per transaction » (architecture §3)."""


def fingerprint(deps: Deps, session: int, adresse: str) -> str:
    """What an address is claimed by: of one session, since the same person in two sessions is two students."""
    return deps.fingerprints.of(f"courriel/{session}", adresse)


def given_up(deps: Deps, session: int, paires: Sequence[Paire]) -> Mapping[str, str]:
    """The addresses that known students have no more with the file (fingerprint to student)."""
    return {
        fingerprint(deps, session, paire.connu.courriel.adresse): paire.connu.id
        for paire in paires
        if paire.connu is not None
        and paire.connu.courriel.adresse is not None
        and paire.connu.courriel.adresse != paire.courriel.adresse
    }


async def claim(deps: Deps, session: int, matched: Rapprochement, former: Mapping[str, str]) -> Rapprochement:
    """Claim the addresses that the students do not hold yet; those that are somebody else's are taken away.

    Args:
        deps: the service's.
        session: of the import.
        matched: the rows with their students, who have the addresses of the file.
        former: those that `given_up` tells: two students of one school may exchange theirs in one file.
    """
    owners = {
        fingerprint(deps, session, paire.courriel.adresse): paire.id
        for paire in matched.paires
        if paire.courriel.adresse is not None
        and (paire.connu is None or paire.connu.courriel.adresse != paire.courriel.adresse)
    }
    lost = await courriels.claim(deps.database, owners)
    handed = {key: (former[key], owners[key]) for key in lost if key in former}
    lost -= await courriels.hand_over(deps.database, handed)
    losers = {owners[key] for key in lost}
    paires = tuple(paire.refuse_courriel() if paire.id in losers else paire for paire in matched.paires)
    return replace(matched, paires=paires)


async def settle(
    deps: Deps,
    held: ImportSiecle,
    *,
    lignes: Iterable[LigneControlee],
    eleves: Collection[Eleve],
    claimants: Collection[str],
    titulaire: str,
) -> None:
    """Leave every address that tries of an import claimed, handed over or gave up to the student who has it, or free.

    Args:
        deps: the service's.
        held: the import, that `titulaire` has.
        lignes: the rows, whose addresses may have been claimed.
        eleves: all the students concerned, as they are saved.
        claimants: the students, saved or not, that it claims for; what others have is theirs.
        titulaire: the process at work.

    Raises:
        AutreTitulaire: another process has taken it over.
    """
    of = partial(fingerprint, deps, held.session)
    holders: dict[str, set[str]] = defaultdict(set)
    for eleve in eleves:
        if eleve.courriel.adresse is not None:
            holders[of(eleve.courriel.adresse)].add(eleve.id)
    wanted = {of(ligne.courriel.adresse) for ligne in lignes if ligne.courriel.adresse is not None}
    given_up = held.travail.cedees.keys() if held.travail else set()

    async def body(work: Work, some: Collection[str]) -> None:
        # With the lease in the transaction, no import that comes after this one can have claimed anything yet.
        await work.imports.save((await work.imports.get(held.id)).renew(titulaire, now=deps.clock()))
        owners = await work.courriels.find_owners(some)
        mine = {key: holders.get(key, set()) for key, owner in owners.items() if owner in claimants}
        wrong = {key: min(those, default=None) for key, those in mine.items() if owners[key] not in those}
        await work.courriels.give_back(wrong)

    for some in batched(sorted(holders.keys() | wanted | given_up), _CHUNK, strict=False):
        await deps.transact(partial(body, some=some))
