"""The subgraph of `eleves`: translation only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import strawberry

from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from kit.graphql.endpoint import Schema
from kit.graphql.refusals import refusals
from services.eleves import policy
from services.eleves.deps import Deps
from services.eleves.lieux import lieu_of
from services.eleves.schema_eleves import Classe, Eleve
from services.eleves.schema_imports import (
    DemanderDepotPayload,
    FichierAttendu,
    FichierInput,
    ImportSiecle,
)
from services.eleves.store.eleves import sort_key
from services.eleves.store.imports import find_import, list_imports
from services.eleves.store.listes import Filtre, list_classes, list_eleves
from services.eleves.usecases.annonces import Annonce, announce
from socle.principal import Principal
from socle.series import Serie


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What resolvers see of a request; `writer` gives the caller with rights fresh enough to change something."""

    principal: Principal | None
    deps: Deps
    session: int
    url: str
    writer: Callable[[], Awaitable[Principal | None]]


type Info = strawberry.Info[Context, None]


@strawberry.federation.type(
    keys=["uai"], description="Un établissement : d'origine (il a des terminales), d'accueil, ou les deux."
)
class Etablissement:
    uai: strawberry.ID = strawberry.field(description="Numéro UAI : sept chiffres et une lettre.")

    @strawberry.field(
        description=(
            "Ses élèves de terminale d'une session, par nom ; ceux que l'on a le droit de voir, et eux seuls. Absents "
            "si le service ne répond pas."
        )
    )
    async def eleves(
        self,
        info: Info,
        session: int | None = None,
        first: int = 20,
        after: str | None = None,
        classe: str | None = None,
        serie: Serie | None = None,
        avec_tache: bool | None = None,
        partis: bool = False,
    ) -> Connection[Eleve] | None:
        filtre = Filtre(classe=classe, serie=serie, avec_tache=avec_tache, partis=partis)
        return await _list(info.context, self.uai, session, filtre, first=first, after=after)

    @strawberry.field(
        description=(
            "Ses classes de terminale, par code ; celles que l'on a le droit de voir. Absentes si le service ne répond "
            "pas."
        )
    )
    async def classes(self, info: Info, session: int | None = None) -> list[Classe] | None:
        context = info.context
        deps, lieu = context.deps, lieu_of(self.uai)
        portee = policy.require_see(policy.require_account(context.principal), lieu, now=deps.clock())
        found = await list_classes(deps.database, portee, lieu, session=session or context.session)
        return [Classe(code=classe.code, effectif=classe.effectif) for classe in found]

    @strawberry.field(
        description="Ses envois de fichiers SIECLE, du dernier au premier. Absents si le service ne répond pas."
    )
    async def imports_siecle(
        self, info: Info, session: int | None = None, first: int = 20, after: str | None = None
    ) -> Connection[ImportSiecle] | None:
        context = info.context
        deps, lieu = context.deps, lieu_of(self.uai)
        policy.require_follow(policy.require_account(context.principal), lieu, now=deps.clock())
        cursor = decode_cursor(after, length=1)
        rows, total = await list_imports(
            deps.database,
            session=session or context.session,
            uai=lieu.uai,
            first=page_size(first),
            after=None if cursor is None else cursor[0],
        )
        return connection(
            rows,
            first=first,
            total=total,
            node=ImportSiecle.of,
            cursor=lambda held: encode_cursor(held.id),
        )

    @classmethod
    async def resolve_reference(cls, uai: strawberry.ID) -> "Etablissement":
        return cls(uai=uai)


async def _list(
    context: Context, uai: str, session: int | None, filtre: Filtre, *, first: int, after: str | None
) -> Connection[Eleve]:
    deps, lieu = context.deps, lieu_of(uai)
    portee = policy.require_see(policy.require_account(context.principal), lieu, now=deps.clock())
    cursor = decode_cursor(after, length=2)
    page = await list_eleves(
        deps.database,
        portee,
        lieu,
        session=session or context.session,
        filtre=filtre,
        first=page_size(first),
        after=None if cursor is None else (cursor[0], cursor[1]),
    )
    return connection(
        page.rows,
        first=first,
        total=page.total,
        node=Eleve.of,
        cursor=lambda eleve: encode_cursor(sort_key(eleve), eleve.id),
    )


@strawberry.type
class Query:
    @strawberry.field(
        description=(
            "Les élèves de terminale d'un établissement, comme son champ du même nom, même si l'offre ne répond pas. "
            "Absents si le service ne répond pas."
        )
    )
    async def eleves(
        self,
        info: Info,
        uai: strawberry.ID,
        session: int | None = None,
        first: int = 20,
        after: str | None = None,
        classe: str | None = None,
        serie: Serie | None = None,
        avec_tache: bool | None = None,
        partis: bool = False,
    ) -> Connection[Eleve] | None:
        filtre = Filtre(classe=classe, serie=serie, avec_tache=avec_tache, partis=partis)
        return await _list(info.context, uai, session, filtre, first=first, after=after)

    @strawberry.field(
        name="importSiecle", description="Un envoi de fichiers SIECLE, pour le suivre ; absent s'il n'existe pas."
    )
    async def import_siecle(self, info: Info, id: strawberry.ID) -> ImportSiecle | None:
        deps = info.context.deps
        principal = policy.require_account(info.context.principal)
        held = await find_import(deps.database, id)
        if held is None:
            return None
        policy.require_follow(principal, lieu_of(held.uai), now=deps.clock())
        return ImportSiecle.of(held)


@strawberry.type
class Mutation:
    @strawberry.mutation(
        description="Annonce les fichiers SIECLE d'un lycée, à envoyer ensemble : donne à chacun une adresse de dépôt."
    )
    async def demander_depot(
        self, info: Info, uai: strawberry.ID, fichiers: list[FichierInput], session: int | None = None
    ) -> DemanderDepotPayload:
        context = info.context
        deps = context.deps
        with refusals() as refus:
            principal = policy.require_account(await context.writer())
            opened = await announce(
                deps,
                principal,
                session=session or context.session,
                uai=uai,
                fichiers=[Annonce(nom=f.nom, taille=f.taille, sha256=f.sha256) for f in fichiers],
            )
            return DemanderDepotPayload(
                import_=ImportSiecle.of(opened),
                fichiers=[FichierAttendu.of(f, opened, url=context.url) for f in opened.fichiers],
                refus=[],
            )
        return DemanderDepotPayload(import_=None, fichiers=[], refus=refus)


SCHEMA = Schema(query=Query, mutation=Mutation, types=[Etablissement])
