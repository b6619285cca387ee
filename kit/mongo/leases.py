"""A lease: at most one holder at a time believes it leads, for as long as it renews in time."""

from datetime import UTC, datetime, timedelta

from pymongo.errors import DuplicateKeyError, PyMongoError

from kit.logs import get_logger
from kit.mongo.collections import Collection, Database, Session

LEASES = Collection(
    name="baux",
    required={"titulaire": "string", "expire_le": "date"},
    purpose="qui, des processus du service, tient une tâche unique",
    readers="les processus du service",
    kept="quelques secondes après son expiration, puis remplacé",
)

_log = get_logger(__name__)


async def acquire(database: Database, name: str, holder: str, duration: timedelta) -> bool:
    """Take or renew the lease `name` for `holder`; False while another holds it.

    Also False when the store answered so late that the lease given is over by now: another may hold it already.
    """
    now = datetime.now(UTC)
    mine_or_expired = {"_id": name, "$or": [{"titulaire": holder}, {"expire_le": {"$lt": now}}]}
    try:
        await database[LEASES.name].update_one(
            mine_or_expired, {"$set": {"titulaire": holder, "expire_le": now + duration}}, upsert=True
        )
    except DuplicateKeyError:
        return False
    return datetime.now(UTC) < now + duration


async def renew(database: Database, name: str, holder: str, duration: timedelta, session: Session) -> bool:
    """Prolong `holder`'s lease within `session`'s transaction; False when it is no longer its own.

    Whoever takes the lease meanwhile is in conflict with that transaction: what it does is done as the holder, or not.
    """
    result = await database[LEASES.name].update_one(
        {"_id": name, "titulaire": holder}, {"$set": {"expire_le": datetime.now(UTC) + duration}}, session=session
    )
    return result.matched_count == 1


async def release(database: Database, name: str, holder: str) -> None:
    """Give the lease up at once, if it is still `holder`'s.

    What goes wrong is said and no more, lest it take the place of being told to stop: the lease ends by itself.
    """
    try:
        await database[LEASES.name].delete_one({"_id": name, "titulaire": holder})
    except PyMongoError as error:
        _log.info("lease_left_to_end", lease=name, error=type(error).__name__)
