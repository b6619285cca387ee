"""Single use (architecture §6): one guarded update of one row, keyed by hash. Nothing is deleted to be used.

Whatever serves once has a field `utilise_le`, and whatever ends a field `fin_le`, null until then: by these names a
restoration from a backup voids all there is (ADR 028), and nobody has to add a collection to a list.
"""

from datetime import datetime, timedelta
from typing import Any

from kit.mongo import Document, Index, Transaction

RETENTION = timedelta(days=1)
"""How long a row outlives its validity, so that a second use is noticed as such."""
EXPIRATION = Index(keys={"expire_le": 1}, expires_after=RETENTION)


async def use(
    transaction: Transaction, collection: str, condensat: str, *, now: datetime, **facts: Any
) -> Document | None:
    """Mark the row as used, with `facts`, and return it; None if it is absent, expired or was used before."""
    return await transaction[collection].find_one_and_update(
        {"_id": condensat, "utilise_le": None, "expire_le": {"$gt": now}},
        {"$set": {"utilise_le": now, **facts}},
        session=transaction.session,
    )
