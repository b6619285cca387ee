"""After a restoration from a backup (architecture §12): the generation is raised before all else.

The service starts again only once all has been done that a restoration asks for.
"""

from dataclasses import dataclass
from datetime import datetime

from pymongo import ReturnDocument

from kit.errors import Conflict
from kit.mongo.collections import Database, Document
from kit.mongo.migrations import STATE
from kit.mongo.transactions import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """The last restoration of a store.

    Args:
        generation: that of the store since then.
        at: when it was begun to be taken note of, with the service stopped.
        finished: whether all that it asks for was done.
    """

    generation: int
    at: datetime
    finished: bool


async def find_restoration(database: Database) -> Restoration | None:
    """The last restoration; None when the store never was restored."""
    return _restoration(await database[STATE.name].find_one({"_id": "service"}))


async def begin_restoration(database: Database, *, above: int, now: datetime) -> Restoration:
    """Raise the generation above the store's own and `above`; the one begun before goes on until it is finished.

    The store was perhaps restored twice from one backup: `above` is the generation that the others last heard of.

    Raises:
        Conflict: another process did so at this very moment.
    """
    state = await database[STATE.name].find_one({"_id": "service"})
    assert state is not None, "a store is migrated before it is used"  # noqa: S101
    held = _restoration(state)
    if held is not None and not held.finished and held.generation > above:
        return held
    generation = max(state["generation"], above) + 1
    raised = await database[STATE.name].find_one_and_update(
        {"_id": "service", "generation": state["generation"]},
        {"$set": {"generation": generation, "restauration": {"le": now, "finie": False}}},
        return_document=ReturnDocument.AFTER,
    )
    begun = _restoration(raised)
    if begun is None:
        raise Conflict("Un autre processus vient de prendre note de la restauration : relancez la commande.")
    return begun


async def finish_restoration(transaction: Transaction) -> None:
    """Note that all was done, if this transaction commits."""
    await transaction[STATE.name].update_one(
        {"_id": "service"}, {"$set": {"restauration.finie": True}}, session=transaction.session
    )


def _restoration(state: Document | None) -> Restoration | None:
    held = (state or {}).get("restauration")
    if state is None or held is None:
        return None
    return Restoration(generation=state["generation"], at=held["le"], finished=held["finie"])
