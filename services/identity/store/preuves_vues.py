"""What proves a client once and never again: the identifiers of assertions and of proofs that were shown."""

from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from kit.mongo import Collection, Database, Index

PREUVES_VUES = Collection(
    name="preuves_vues",
    required={"expire_le": "date"},
    indexes=(Index(keys={"expire_le": 1}, expires_after=timedelta(0)),),
    purpose="refuser une assertion ou une preuve de possession présentée deux fois, par son condensat",
    readers="identity",
    kept="aussi longtemps qu'elle serait crue : quelques minutes",
)


async def see(database: Database, condensat: str, *, until: datetime) -> bool:
    """Note that it was shown; False when it was before. `until` is when it would be believed no more."""
    try:
        await database[PREUVES_VUES.name].insert_one({"_id": condensat, "expire_le": until})
    except DuplicateKeyError:
        return False
    return True
