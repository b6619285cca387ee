"""The subgraph of `identity`: translation only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from kit.graphql.endpoint import Schema
from kit.graphql.refusals import Refus, refusals
from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain import comptes as domain
from services.identity.usecases.droits import Vise, give_right, take_right
from services.identity.usecases.lectures import find_visible, users_of
from socle import principal as socle
from socle.rubriques import Niveau, Role, Rubrique


@dataclass(frozen=True, slots=True)
class Context:
    """What resolvers see of a request."""

    principal: socle.Principal | None
    deps: Deps


type Info = strawberry.Info[Context, None]

strawberry.enum(Role, name="Role", description="Rôle d'une personne sur le site de gestion.")
strawberry.enum(Rubrique, name="Rubrique", description="Partie du site sur laquelle un droit est donné.")
strawberry.enum(Niveau, name="Niveau", description="Jusqu'où va un droit ; chaque niveau comprend les précédents.")
strawberry.enum(domain.EtatCompte, name="EtatCompte", description="Où en est un compte.")


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("uai"), resolvable=False)],
    description="Un établissement : d'origine (il a des terminales), d'accueil, ou les deux.",
)
class Etablissement:
    uai: strawberry.ID = strawberry.field(description="Numéro UAI : sept chiffres et une lettre.")


@strawberry.federation.type(
    keys=[Key(fields=FieldSet("id"), resolvable=False)], description="Une formation d'une session."
)
class Formation:
    id: strawberry.ID = strawberry.field(description="`session/code`.")


@strawberry.type(description="Un rôle, et là où il vaut : un établissement, une académie, une région, ou partout.")
class RoleTenu:
    role: Role = strawberry.field(description="Le rôle.")
    etablissement: Etablissement | None = strawberry.field(
        description="L'établissement où il vaut ; absent pour un rôle académique ou national."
    )
    academie: str | None = strawberry.field(
        description="Nom court de l'académie où il vaut, comme `creteil` ; absent pour un autre rôle."
    )
    region_academique: str | None = strawberry.field(
        description="Code de la région académique où il vaut ; absent pour un autre rôle."
    )
    classes: list[str] = strawberry.field(description="Les classes suivies, pour un rôle de suivi.")
    groupes: list[str] = strawberry.field(description="Les groupes d'élèves suivis, pour un rôle de suivi.")

    @classmethod
    def of(cls, role: socle.RoleTenu) -> Self:
        return cls(
            role=role.role,
            etablissement=None if role.uai is None else Etablissement(uai=strawberry.ID(role.uai)),
            academie=role.academie,
            region_academique=role.region_academique,
            classes=sorted(role.classes),
            groupes=sorted(role.groupes),
        )


@strawberry.type(description="Un droit donné un par un.")
class Droit:
    etablissement: Etablissement = strawberry.field(description="L'établissement où il vaut.")
    rubrique: Rubrique = strawberry.field(description="La rubrique sur laquelle il porte.")
    niveau: Niveau = strawberry.field(description="Jusqu'où il va.")
    formation: Formation | None = strawberry.field(
        description="La seule formation sur laquelle il porte ; absente s'il vaut pour tout l'établissement."
    )
    jusqu_au: datetime | None = strawberry.field(description="Quand il prend fin ; absent s'il est sans fin.")

    @classmethod
    def of(cls, droit: socle.Droit) -> Self:
        return cls(
            etablissement=Etablissement(uai=strawberry.ID(droit.uai)),
            rubrique=droit.rubrique,
            niveau=droit.niveau,
            formation=None if droit.formation is None else Formation(id=strawberry.ID(droit.formation)),
            jusqu_au=droit.jusqu_au,
        )


@strawberry.federation.type(keys=["id"], description="Le compte d'une personne.")
class Compte:
    id: strawberry.ID = strawberry.field(description="Identifiant opaque.")
    nom: str = strawberry.field(description="Nom de la personne.")
    prenom: str = strawberry.field(description="Prénom de la personne.")
    courriel: str = strawberry.field(description="Adresse électronique, propre à ce compte.")
    etat: domain.EtatCompte = strawberry.field(description="Invité, actif ou désactivé.")
    roles: list[RoleTenu] = strawberry.field(description="Ses rôles.")
    droits: list[Droit] = strawberry.field(description="Les droits qui lui ont été donnés un par un.")

    @classmethod
    def of(cls, compte: domain.Compte) -> Self:
        return cls(
            id=strawberry.ID(compte.id),
            nom=compte.nom,
            prenom=compte.prenom,
            courriel=compte.courriel,
            etat=compte.etat,
            roles=[RoleTenu.of(role) for role in compte.roles],
            droits=[Droit.of(droit) for droit in compte.droits],
        )

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Self:
        principal = policy.require_active(info.context.principal)
        return cls.of(await find_visible(info.context.deps, principal, id))


@strawberry.type
class Query:
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
            cursor=lambda compte: encode_cursor(compte.nom, compte.id),
        )


@strawberry.input(description="Le droit à donner, en place de celui que le compte avait sur la même chose.")
class DonnerDroitInput:
    compte: strawberry.ID = strawberry.field(description="À qui.")
    uai: strawberry.ID = strawberry.field(description="Dans quel établissement.")
    rubrique: Rubrique = strawberry.field(description="Sur quelle rubrique.")
    niveau: Niveau = strawberry.field(description="Jusqu'à quel niveau : la lecture ou l'écriture.")
    formation: strawberry.ID | None = strawberry.field(
        default=None, description="Sur cette seule formation, pour les rubriques de l'offre."
    )
    jusqu_au: datetime | None = strawberry.field(
        default=None, description="Date de fin ; sans fin si elle est absente."
    )


@strawberry.input(description="Le droit à retirer.")
class RetirerDroitInput:
    compte: strawberry.ID = strawberry.field(description="À qui.")
    uai: strawberry.ID = strawberry.field(description="Dans quel établissement.")
    rubrique: Rubrique = strawberry.field(description="Sur quelle rubrique.")
    formation: strawberry.ID | None = strawberry.field(
        default=None, description="Celui qui porte sur cette seule formation."
    )


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de lui donner ce droit.")
class DonnerDroitPayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si le droit est refusé.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de lui retirer ce droit.")
class RetirerDroitPayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si l'opération est refusée.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Donne un droit que l'on détient à un utilisateur que l'on gère.")
    async def donner_droit(self, info: Info, entree: DonnerDroitInput) -> DonnerDroitPayload:
        droit = socle.Droit(
            uai=entree.uai,
            rubrique=entree.rubrique,
            niveau=entree.niveau,
            formation=entree.formation,
            jusqu_au=entree.jusqu_au,
        )
        with refusals() as refus:
            compte = await give_right(info.context.deps, info.context.principal, entree.compte, droit)
            return DonnerDroitPayload(compte=Compte.of(compte), refus=[])
        return DonnerDroitPayload(compte=None, refus=refus)

    @strawberry.mutation(description="Retire un droit à un utilisateur que l'on gère ; partout en cinq secondes.")
    async def retirer_droit(self, info: Info, entree: RetirerDroitInput) -> RetirerDroitPayload:
        vise = Vise(compte=entree.compte, uai=entree.uai, rubrique=entree.rubrique, formation=entree.formation)
        with refusals() as refus:
            compte = await take_right(info.context.deps, info.context.principal, vise)
            return RetirerDroitPayload(compte=Compte.of(compte), refus=[])
        return RetirerDroitPayload(compte=None, refus=refus)


SCHEMA = Schema(query=Query, mutation=Mutation)
