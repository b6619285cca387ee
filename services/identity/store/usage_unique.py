"""Single use (architecture §6): one guarded update of one row, keyed by hash. Nothing is deleted to be used.

Whatever serves once has a field `utilise_le`, and whatever ends a field `fin_le`, null until then, and its declaration
says so (`serves_until`): by that a restoration from a backup voids all there is (ADR 028).
"""

from datetime import datetime, timedelta
from typing import Any

from kit.mongo import Collection, Document, Index, Transaction

UTILISE_LE, FIN_LE = "utilise_le", "fin_le"
RETENTION = timedelta(days=1)
"""How long a row outlives its validity, so that a second use is noticed as such."""
EXPIRATION = Index(keys={"expire_le": 1}, expires_after=RETENTION)


async def use(
    transaction: Transaction, collection: Collection, condensat: str, *, now: datetime, **facts: Any
) -> Document | None:
    """Mark the row as used, with `facts`, and return it; None if it is absent, expired or was used before."""
    assert collection.serves_until == UTILISE_LE, f"{collection.name} declares that it serves once"  # noqa: S101
    return await transaction[collection.name].find_one_and_update(
        {"_id": condensat, "utilise_le": None, "expire_le": {"$gt": now}},
        {"$set": {"utilise_le": now, **facts}},
        session=transaction.session,
    )
