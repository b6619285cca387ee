"""What identity keeps of a person beside the account itself: forgotten with it, and searched for afterwards."""

import re
from collections.abc import Collection as Several
from collections.abc import Mapping, Sequence

from kit.mongo import Collection, Database, Transaction
from services.identity.store.appareils import APPAREILS
from services.identity.store.audit import ADRESSES, AUDIT, SCEAUX
from services.identity.store.depots import forget_person
from services.identity.store.exports import EXPORTS
from services.identity.store.facteurs import FACTEURS
from services.identity.store.jetons import JETONS
from services.identity.store.sessions import FAMILLES
from services.identity.store.tentatives import TENTATIVES

_KEPT = frozenset({AUDIT.name, SCEAUX.name, ADRESSES.name})
"""« the audit trail keeps an opaque id » (domaine.md §3)."""


async def forget(
    transaction: Transaction, collections: Sequence[Collection], compte: str, empreintes: Several[str]
) -> None:
    """Forget all that these collections keep of an account, whose address and mobile number have these fingerprints.

    A collection that declares a field `compte` keeps something of an account in each of its rows: whoever adds one
    need not think of this.
    """
    session = transaction.session
    familles = await transaction[FAMILLES.name].find({"compte": compte}, ["_id"], session=session).to_list(None)
    given = {"famille": {"$in": [famille["_id"] for famille in familles]}}
    await transaction[JETONS.name].delete_many(given, session=session)
    await transaction[FACTEURS.name].delete_one({"_id": compte}, session=session)
    await transaction[EXPORTS.name].delete_many({"recherche.compte": compte}, session=session)
    await forget_person(transaction, compte, empreintes)
    devices = await transaction[APPAREILS.name].find({"compte": compte}, ["_id"], session=session).to_list(None)
    whose = "|".join(re.escape(key) for key in [compte, *empreintes, *(device["_id"] for device in devices)])
    counted = re.compile(f"/({whose})$")
    await transaction[TENTATIVES.name].delete_many({"_id": counted}, session=session)
    for collection in collections:
        if collection.name not in _KEPT and "compte" in {*collection.required, *collection.optional}:
            await transaction[collection.name].delete_many({"compte": compte}, session=session)


async def search(database: Database, needles: Several[str]) -> Mapping[str, int]:
    """In which collections, outside of the audit trail, one of `needles` is found: in how many rows of each.

    Every row is read, whatever its collection declares: this proves, and is not for a request.
    """
    found: dict[str, int] = {}
    for name in sorted(set(await database.list_collection_names()) - _KEPT):
        count = 0
        async for row in database[name].find({}):
            count += any(_holds(row, needle) for needle in needles)
        if count:
            found[name] = count
    return found


def _holds(value: object, needle: str) -> bool:
    match value:
        case str():
            return needle in value
        case bytes():
            return needle.encode() in value
        case dict():
            return any(_holds(name, needle) or _holds(part, needle) for name, part in value.items())
        case list():
            return any(_holds(part, needle) for part in value)
        case _:
            return False
