"""The subgraph of `rapports`: translation only."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import strawberry
from strawberry.dataloader import DataLoader

from kit.clock import technical_clock
from kit.errors import Forbidden
from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from kit.graphql.endpoint import Schema
from services.rapports import domain, policy
from services.rapports.store.lectures import Reads
from socle.principal import Principal


@dataclass(frozen=True, slots=True)
class Context:
    """What resolvers see of a request."""

    principal: Principal | None
    reads: Reads
    session: int
    rapports: DataLoader[str, domain.Rapport | None]


def new_context(principal: Principal | None, reads: Reads, session: int) -> Context:
    """The context of one request; its loader asks the store once for all the formations of a page."""

    async def load(ids: list[str]) -> list[domain.Rapport | None]:
        formations, comptages = await asyncio.gather(reads.formations(ids), reads.comptages(ids))
        return [domain.draft(formations[id], comptages.get(id)) if id in formations else None for id in ids]

    return Context(principal, reads, session, DataLoader(load_fn=load))


type Info = strawberry.Info[Context, None]

strawberry.enum(domain.EtatRapport, name="EtatRapport", description="Où en est un rapport public.")


@strawberry.type(description="Les chiffres généraux du rapport : fournis par la plateforme, jamais saisis.")
class ChiffresRapport:
    places: int = strawberry.field(description="Nombre de places offertes.")
    voeux_confirmes: int = strawberry.field(description="Nombre de candidats qui ont confirmé un vœu.")
    propositions: int = strawberry.field(
        description="Nombre de candidats qui ont reçu une proposition d'admission, quelle que soit leur réponse."
    )
    acceptes: int = strawberry.field(description="Nombre de candidats qui ont accepté leur proposition.")
    en_attente: int = strawberry.field(description="Nombre de candidats sur la liste d'attente.")
    refus_formation: int = strawberry.field(description="Nombre de candidats que la formation n'a pas retenus.")
    demissions: int = strawberry.field(description="Nombre de candidats qui ont quitté la procédure.")
    calcule_le: datetime | None = strawberry.field(
        description="Date du calcul ; absente tant que personne n'a de vœu confirmé dans la formation."
    )

    @classmethod
    def of(cls, chiffres: domain.Chiffres) -> Self:
        candidatures = chiffres.candidatures
        return cls(
            places=chiffres.places,
            voeux_confirmes=candidatures.confirmes,
            propositions=candidatures.propositions,
            acceptes=candidatures.acceptes,
            en_attente=candidatures.en_attente,
            refus_formation=candidatures.refus_formation,
            demissions=candidatures.demissions,
            calcule_le=chiffres.calcule_le,
        )


@strawberry.type(description="Le rapport public d'examen des vœux d'une formation, pour une session.")
class RapportPublic:
    etat: domain.EtatRapport = strawberry.field(description="Où il en est.")
    du: bool = strawberry.field(description="Vrai si l'établissement doit le publier.")
    libelle: str = strawberry.field(description="Nom de la formation.")
    formation: "Formation | None" = strawberry.field(
        description="La formation ; absente si l'offre, à qui l'on en demande plus que l'identifiant, ne répond pas."
    )
    chiffres: ChiffresRapport = strawberry.field(description="Ses chiffres généraux.")

    @classmethod
    def of(cls, rapport: domain.Rapport) -> Self:
        return cls(
            etat=rapport.etat,
            du=rapport.du,
            libelle=rapport.formation.libelle,
            formation=Formation(id=strawberry.ID(rapport.formation.id)),
            chiffres=ChiffresRapport.of(rapport.chiffres),
        )


@strawberry.federation.type(keys=["id"], description="Une formation d'une session.")
class Formation:
    id: strawberry.ID = strawberry.field(description="`session/code`.")

    @strawberry.field(
        description="Son rapport public ; absent tant que la formation n'est pas encore connue du service."
    )
    async def rapport(self, info: Info) -> RapportPublic | None:
        principal = policy.require_account(info.context.principal)
        rapport = await info.context.rapports.load(self.id)
        if rapport is None:
            return None
        policy.require_read(principal, rapport.formation, now=technical_clock())
        return RapportPublic.of(rapport)

    @classmethod
    async def resolve_reference(cls, id: strawberry.ID) -> Self:
        return cls(id=id)


@strawberry.type
class Query:
    @strawberry.field(
        description="Les rapports publics des formations d'un établissement, par libellé, même si l'offre ne répond "
        "pas ; ceux que l'on a le droit de voir, et eux seuls. Absents si le service ne répond pas."
    )
    async def rapports(
        self,
        info: Info,
        uai: strawberry.ID,
        session: int | None = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[RapportPublic] | None:
        context = info.context
        principal, year = policy.require_account(context.principal), session or context.session
        portee, cursor = policy.scope(principal, now=technical_clock()), decode_cursor(after, length=2)
        page = await context.reads.formations_of(
            portee, uai, year, first=page_size(first), after=None if cursor is None else (cursor[0], cursor[1])
        )
        if not page.total and await context.reads.has_formations(uai, year):
            # There are some, and none is for this caller: a refusal, not an empty list.
            raise Forbidden
        comptages = await context.reads.comptages([formation.id for formation in page.rows])
        return connection(
            page.rows,
            first=first,
            total=page.total,
            node=lambda formation: RapportPublic.of(domain.draft(formation, comptages.get(formation.id))),
            cursor=lambda formation: encode_cursor(formation.libelle, formation.id),
        )


SCHEMA = Schema(query=Query, types=[Formation])
