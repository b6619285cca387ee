"""The formations that wishes name, as `offre` tells of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import batched

from kit.consumer.projections import GONE, projection
from kit.mongo import Database, Document
from proto.offre.v1 import offre_pb2

FORMATIONS = projection(
    "formations",
    fields={"academie": "string"},
    purpose="savoir à quelle académie un vœu est à dire",
    readers="le service",
    kept="la session et son archive",
)
_AT_ONCE = 100
"""Keys asked for at once: as many as `usecases.dossiers` takes, for its reason."""


def formation_document(message: offre_pb2.Formation) -> Document:
    """What is kept of a formation."""
    return {"academie": message.academie}


@dataclass(frozen=True, slots=True)
class Formations:
    """Of which académie each formation is.

    What was found once is remembered: 13.5 million wishes name 26,097 formations (domaine.md §5.3), and ≈ none changes
    académie. One that is gone from the offer stays where it was, since its wishes do.
    """

    database: Database
    _academies: dict[str, str] = field(default_factory=dict)

    async def academies(self, formations: Iterable[str]) -> Mapping[str, str]:
        """Those that are known: all of the given ones that the offer has told of, and others."""
        missing = sorted(set(formations) - self._academies.keys())
        for some in batched(missing, _AT_ONCE, strict=False):
            where = {"_id": {"$in": some}, GONE: {"$exists": False}}
            rows = await self.database[FORMATIONS.name].find(where, {"academie": 1}).to_list(None)
            self._academies.update((row["_id"], row["academie"]) for row in rows)
        return self._academies
