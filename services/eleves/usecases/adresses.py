"""The addresses that an import claims for its students, hands over and gives back (architecture §3, ADR 012)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.eleves.deps import Deps
from services.eleves.siecle.rapprochement import Paire, Rapprochement
from services.eleves.store import courriels


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
