"""The subgraph of `rapports`: translation only."""

from dataclasses import dataclass
from typing import Self

import strawberry
from strawberry.dataloader import DataLoader

from kit.clock import technical_clock
from kit.graphql.endpoint import Schema
from services.rapports import domain, policy
from services.rapports.store import Reads
from socle.principal import Principal


@dataclass(frozen=True, slots=True)
class Context:
    """What resolvers see of a request."""

    principal: Principal | None
    formations: DataLoader[str, domain.Formation | None]


def new_context(principal: Principal | None, reads: Reads) -> Context:
    """The context of one request; its loader asks the store once for all the formations of a page."""

    async def load(ids: list[str]) -> list[domain.Formation | None]:
        found = await reads.formations(ids)
        return [found.get(id) for id in ids]

    return Context(principal, DataLoader(load_fn=load))


type Info = strawberry.Info[Context, None]

strawberry.enum(domain.EtatRapport, name="EtatRapport", description="Où en est un rapport public.")


@strawberry.type(description="Les chiffres généraux du rapport : fournis par la plateforme, jamais saisis.")
class ChiffresRapport:
    places: int = strawberry.field(description="Nombre de places offertes.")


@strawberry.type(description="Le rapport public d'examen des vœux d'une formation, pour une session.")
class RapportPublic:
    etat: domain.EtatRapport = strawberry.field(description="Où il en est.")
    du: bool = strawberry.field(description="Vrai si l'établissement doit le publier.")
    chiffres: ChiffresRapport = strawberry.field(description="Ses chiffres généraux.")

    @classmethod
    def of(cls, rapport: domain.Rapport) -> Self:
        return cls(etat=rapport.etat, du=rapport.du, chiffres=ChiffresRapport(places=rapport.chiffres.places))


@strawberry.federation.type(keys=["id"], description="Une formation d'une session.")
class Formation:
    id: strawberry.ID = strawberry.field(description="`session/code`.")

    @strawberry.field(
        description="Son rapport public ; absent tant que la formation n'est pas encore connue du service."
    )
    async def rapport(self, info: Info) -> RapportPublic | None:
        principal = policy.require_account(info.context.principal)
        formation = await info.context.formations.load(self.id)
        if formation is None:
            return None
        policy.require_read(principal, formation, now=technical_clock())
        return RapportPublic.of(domain.draft(formation))

    @classmethod
    async def resolve_reference(cls, id: strawberry.ID) -> Self:
        return cls(id=id)


SCHEMA = Schema(types=[Formation])
