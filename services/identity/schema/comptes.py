"""Reading accounts."""

import strawberry

from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from services.identity import policy
from services.identity.domain.noms import sort_key
from services.identity.schema.types import Compte, Info
from services.identity.usecases.lectures import users_of


@strawberry.type
class Lectures:
    @strawberry.field(
        description="La personne connectée ; absente si personne ne l'est, ou si le service ne répond pas."
    )
    async def moi(self, info: Info) -> Compte | None:
        principal = policy.require_active(info.context.principal)
        return await Compte.resolve_reference(info, strawberry.ID(principal.compte))

    @strawberry.field(
        description="Un compte parmi ceux que l'on gère, ou le sien ; absent sinon, ou si le service ne répond pas."
    )
    async def compte(self, info: Info, id: strawberry.ID) -> Compte | None:
        return await Compte.resolve_reference(info, id)

    @strawberry.field(
        description="Les comptes que l'on gère parmi ceux qui ont un rôle ou un droit dans un établissement, par nom ; "
        "absents si le service ne répond pas."
    )
    async def utilisateurs(
        self, info: Info, uai: strawberry.ID, first: int = 20, after: str | None = None
    ) -> Connection[Compte] | None:
        principal = policy.require_active(info.context.principal)
        cursor = decode_cursor(after, length=2)
        page = await users_of(
            info.context.deps,
            principal,
            uai,
            first=page_size(first),
            after=None if cursor is None else (cursor[0], cursor[1]),
        )
        return connection(
            page.rows,
            first=first,
            total=page.total,
            node=Compte.of,
            cursor=lambda compte: encode_cursor(sort_key(compte.nom, compte.prenom), compte.id),
        )
