"""One row an establishment, which every transaction that takes an administrator away writes.

Transactions on a snapshot conflict on what they write, not on what they read: without that row the last two
administrators of an establishment could each be removed while the other is still seen.
"""

from dataclasses import dataclass

from kit.mongo import Collection, Transaction
from services.identity.domain.comptes import EtatCompte
from services.identity.store.comptes import COMPTES
from socle.rubriques import Role

ADMINISTRATEURS = Collection(
    name="administrateurs",
    required={"departs": "int"},
    purpose="qu'un établissement ne perde pas ses deux derniers administrateurs au même instant",
    readers="identity",
    kept="aussi longtemps que la plateforme ; aucune donnée personnelle",
)


@dataclass(frozen=True, slots=True)
class Administrateurs:
    """Who administers establishments, within a transaction."""

    transaction: Transaction

    async def hold(self, uai: str) -> None:
        """Let no other transaction take an administrator of that establishment away before this one is over."""
        await self.transaction[ADMINISTRATEURS.name].update_one(
            {"_id": uai}, {"$inc": {"departs": 1}}, upsert=True, session=self.transaction.session
        )

    async def has_another(self, uai: str, *, than: str) -> bool:
        """Whether an active account other than `than` is an administrator of that establishment."""
        administers = {"$elemMatch": {"role": Role.ADMIN_ETABLISSEMENT, "uai": uai}}
        found = await self.transaction[COMPTES.name].find_one(
            {"roles": administers, "etat": EtatCompte.ACTIF, "_id": {"$ne": than}},
            projection=["_id"],
            session=self.transaction.session,
        )
        return found is not None
