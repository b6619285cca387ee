"""The subgraph of `offre`: translation only."""

from dataclasses import dataclass
from typing import Self

import strawberry
from strawberry.dataloader import DataLoader

from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from kit.graphql.endpoint import Schema
from services.offre import domain, policy
from services.offre.store import Reads
from socle.academies import academie_by_slug
from socle.formations import TypeFormation
from socle.principal import Principal


@dataclass(frozen=True, slots=True)
class Context:
    """What resolvers see of a request."""

    principal: Principal | None
    reads: Reads
    session: int
    etablissements: DataLoader[str, domain.Etablissement | None]


def new_context(principal: Principal | None, reads: Reads, session: int) -> Context:
    """The context of one request; its loader asks the store once for all the establishments of a page."""

    async def load(uais: list[str]) -> list[domain.Etablissement | None]:
        found = await reads.etablissements(uais)
        return [found.get(uai) for uai in uais]

    return Context(principal, reads, session, DataLoader(load_fn=load))


type Info = strawberry.Info[Context, None]

strawberry.enum(domain.Secteur, name="Secteur", description="Public ou privé.")
strawberry.enum(
    TypeFormation, name="TypeFormation", description="Type de formation, tel que l'offre nationale le nomme."
)


@strawberry.type(description="Une académie.")
class Academie:
    code: str = strawberry.field(description="Nom court, stable : `creteil`, `aix-marseille`.")
    nom: str = strawberry.field(description="Nom, tel qu'on l'écrit.")


@strawberry.federation.type(keys=["id"], description="Une formation d'une session.")
class Formation:
    id: strawberry.ID = strawberry.field(description="`session/code`.")
    session: int = strawberry.field(description="Année de la session.")
    libelle: str = strawberry.field(description="Nom de la formation.")
    type: TypeFormation = strawberry.field(description="Licence, BTS, CPGE…")
    selective: bool = strawberry.field(description="Vrai si la formation peut refuser des candidats.")
    capacite: int = strawberry.field(description="Nombre de places.")
    apprentissage: bool = strawberry.field(description="Vrai pour une formation en apprentissage.")
    uai: strawberry.Private[str]

    @strawberry.field(description="L'établissement qui la propose.")
    async def etablissement(self, info: Info) -> "Etablissement":
        found = await info.context.etablissements.load(self.uai)
        assert found is not None, "a formation is loaded with its establishment"  # noqa: S101
        return Etablissement.of(found)

    @classmethod
    def of(cls, formation: domain.Formation) -> Self:
        return cls(
            id=strawberry.ID(formation.id),
            session=formation.session,
            libelle=formation.libelle,
            type=formation.type,
            selective=formation.selective,
            capacite=formation.capacite,
            apprentissage=formation.apprentissage,
            uai=formation.uai,
        )

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Self | None:
        policy.require_read(info.context.principal)
        found = await info.context.reads.formations([id])
        return cls.of(found[id]) if id in found else None


@strawberry.federation.type(
    keys=["uai"], description="Un établissement : d'origine (il a des terminales), d'accueil, ou les deux."
)
class Etablissement:
    uai: strawberry.ID = strawberry.field(description="Numéro UAI : sept chiffres et une lettre.")
    nom: str = strawberry.field(description="Nom de l'établissement.")
    academie: Academie = strawberry.field(description="Son académie.")
    commune: str | None = strawberry.field(description="Sa commune ; absente si l'annuaire ne la donne pas.")
    secteur: domain.Secteur | None = strawberry.field(
        description="Public ou privé ; absent si aucune source ne le dit."
    )
    origine: bool = strawberry.field(description="Vrai s'il a des élèves de terminale.")
    accueil: bool = strawberry.field(description="Vrai s'il propose des formations.")

    @strawberry.field(description="Ses formations d'une session, par libellé.")
    async def formations(
        self,
        info: Info,
        session: int | None = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[Formation]:
        context = info.context
        cursor = decode_cursor(after, length=2)
        page = await context.reads.formations_of(
            self.uai,
            session or context.session,
            first=page_size(first),
            after=None if cursor is None else (cursor[0], cursor[1]),
        )
        return connection(
            page.rows,
            first=first,
            total=page.total,
            node=Formation.of,
            cursor=lambda formation: encode_cursor(formation.libelle, formation.id),
        )

    @classmethod
    def of(cls, etablissement: domain.Etablissement) -> Self:
        academie = academie_by_slug(etablissement.academie)
        return cls(
            uai=strawberry.ID(etablissement.uai),
            nom=etablissement.nom,
            academie=Academie(code=academie.slug, nom=academie.nom),
            commune=etablissement.origine.commune if etablissement.origine else None,
            secteur=etablissement.secteur,
            origine=etablissement.origine is not None,
            accueil=etablissement.accueil is not None,
        )

    @classmethod
    async def resolve_reference(cls, info: Info, uai: strawberry.ID) -> "Etablissement | None":
        return await find_etablissement(info.context, uai)


async def find_etablissement(context: Context, uai: str) -> Etablissement | None:
    """The establishment, None where there is none of that number."""
    policy.require_read(context.principal)
    found = await context.etablissements.load(uai)
    return None if found is None else Etablissement.of(found)


@strawberry.type
class Query:
    @strawberry.field(description="L'établissement de ce numéro UAI ; absent s'il n'existe pas.")
    async def etablissement(self, info: Info, uai: strawberry.ID) -> Etablissement | None:
        return await find_etablissement(info.context, uai)

    @strawberry.field(description="La formation de cet identifiant ; absente si elle n'existe pas.")
    async def formation(self, info: Info, id: strawberry.ID) -> Formation | None:
        return await Formation.resolve_reference(info, id)


SCHEMA = Schema(query=Query)
