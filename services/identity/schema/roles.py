"""Giving and taking roles."""

import strawberry

from kit.graphql.refusals import Refus, refusals
from services.identity.schema.types import Compte, Info
from services.identity.usecases.roles import give_role, take_role
from socle import principal as socle
from socle.rubriques import Role


@strawberry.input(description="Un rôle, et là où il vaut.")
class RoleInput:
    role: Role = strawberry.field(description="Le rôle.")
    uai: strawberry.ID | None = strawberry.field(
        default=None, description="L'établissement, pour un rôle d'établissement."
    )
    academie: str | None = strawberry.field(
        default=None, description="Nom court de l'académie, comme `creteil`, pour un rôle académique."
    )
    region_academique: str | None = strawberry.field(
        default=None,
        description="Code de la région académique, pour un administrateur de toutes les académies d'une région.",
    )
    classes: list[str] = strawberry.field(
        default_factory=list, description="Les classes suivies, pour un rôle de suivi."
    )
    groupes: list[str] = strawberry.field(
        default_factory=list, description="Les groupes d'élèves suivis, pour un rôle de suivi."
    )

    def tenu(self) -> socle.RoleTenu:
        """The role as the domain knows it."""
        return socle.RoleTenu(
            role=self.role,
            uai=self.uai,
            academie=self.academie,
            region_academique=self.region_academique,
            classes=frozenset(name.strip() for name in self.classes),
            groupes=frozenset(name.strip() for name in self.groupes),
        )


@strawberry.input(description="Le rôle à donner, en place du même au même endroit.")
class DonnerRoleInput:
    compte: strawberry.ID = strawberry.field(description="À qui.")
    role: RoleInput = strawberry.field(description="Quel rôle, et là où il vaut.")


@strawberry.input(description="Le rôle à retirer.")
class RetirerRoleInput:
    compte: strawberry.ID = strawberry.field(description="À qui.")
    role: RoleInput = strawberry.field(description="Quel rôle, et là où il vaut ; classes et groupes n'importent pas.")


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de lui donner ce rôle.")
class DonnerRolePayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si le rôle est refusé.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de lui retirer ce rôle.")
class RetirerRolePayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si l'opération est refusée.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type
class Roles:
    @strawberry.mutation(description="Donne un rôle à un compte que l'on gère ; sa personne en est prévenue.")
    async def donner_role(self, info: Info, entree: DonnerRoleInput) -> DonnerRolePayload:
        with refusals() as refus:
            compte = await give_role(info.context.deps, info.context.principal, entree.compte, entree.role.tenu())
            return DonnerRolePayload(compte=await Compte.seen(info, compte), refus=[])
        return DonnerRolePayload(compte=None, refus=refus)

    @strawberry.mutation(
        description="Retire un rôle à un compte que l'on gère, partout en cinq secondes ; jamais au dernier "
        "administrateur d'un établissement."
    )
    async def retirer_role(self, info: Info, entree: RetirerRoleInput) -> RetirerRolePayload:
        with refusals() as refus:
            compte = await take_role(info.context.deps, info.context.principal, entree.compte, entree.role.tenu())
            return RetirerRolePayload(compte=await Compte.seen(info, compte), refus=[])
        return RetirerRolePayload(compte=None, refus=refus)
