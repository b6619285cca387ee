"""Requests that a client pushes before it sends a person here (RFC 9126)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from services.identity.condensats import condensat
from services.identity.deps import Deps
from services.identity.domain.sessions import DUREE_DEMANDE, DUREE_DEMANDE_OUVERTE
from services.identity.store import demandes as store


@dataclass(frozen=True, slots=True)
class DemandePoussee:
    """A request as its client pushed it, and since when a browser is busy with it."""

    condensat: str
    client: str
    parametres: Mapping[str, str]
    ouverte_le: datetime


async def push(deps: Deps, secret: str, client: str, parametres: Mapping[str, str]) -> None:
    """Keep a request that was found valid; a browser brings it by its secret, within a minute."""
    id = condensat(secret)
    demande = store.Demande(
        condensat=id,
        client=client,
        parametres=deps.vault.seal(orjson.dumps(dict(parametres)), purpose=_purpose(id)),
        expire_le=deps.clock() + DUREE_DEMANDE,
    )
    await store.push(deps.database, demande)


async def find_pushed(deps: Deps, secret: str) -> DemandePoussee | None:
    """The request of that secret; None when it is unknown, expired or used.

    It is used by the code that it gives, in the same transaction. Until then the same browser comes back with it: after
    the pages that sign the person in, which take longer than its minute. So the first visit counts, within the minute,
    and leaves it the time of a sign-in; a second visit does not add to it.
    """
    id, now = condensat(secret), deps.clock()
    found = await store.find(deps.database, id, now=now)
    if found is not None and found.ouverte_le is None:
        await store.open_once(deps.database, id, now=now, until=now + DUREE_DEMANDE_OUVERTE)
        # Another visit at the same moment may have been first: what it wrote counts.
        found = await store.find(deps.database, id, now=now)
    if found is None or found.ouverte_le is None:
        return None
    parametres = orjson.loads(deps.vault.open(found.parametres, purpose=_purpose(id)))
    return DemandePoussee(id, found.client, parametres, found.ouverte_le)


def _purpose(condensat: str) -> str:
    return f"demande/{condensat}"
