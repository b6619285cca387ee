"""The types of the subgraph of `identity`: translation only."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

from services.identity import policy
from services.identity.deps import Deps
from services.identity.domain import comptes as domain
from services.identity.domain.inactivite import Usage
from services.identity.domain.profils import Profil
from services.identity.store.facteurs import find_usages
from services.identity.usecases.lectures import find_visible, shown
from services.identity.usecases.verrous import find_locks
from socle import principal as socle
from socle.rubriques import Niveau, Role, Rubrique


@dataclass(frozen=True, slots=True)
class Context:
    """What resolvers see of a request."""

    principal: socle.Principal | None
    deps: Deps
    usages: DataLoader[str, Usage | None] = field(init=False)
    verrous: DataLoader[tuple[str, str], datetime | None] = field(init=False)

    def __post_init__(self) -> None:
        async def load(ids: list[str]) -> list[Usage | None]:
            found = await find_usages(self.deps.database, ids)
            return [found.get(id) for id in ids]

        async def load_locks(comptes: list[tuple[str, str]]) -> list[datetime | None]:
            found = await find_locks(self.deps, comptes)
            return [found.get(id) for id, _ in comptes]

        object.__setattr__(self, "usages", DataLoader(load_fn=load))
        object.__setattr__(self, "verrous", DataLoader(load_fn=load_locks))


type Info = strawberry.Info[Context, None]

strawberry.enum(Role, name="Role", description="Rôle d'une personne sur le site de gestion.")
strawberry.enum(Rubrique, name="Rubrique", description="Partie du site sur laquelle un droit est donné.")
strawberry.enum(Niveau, name="Niveau", description="Jusqu'où va un droit ; chaque niveau comprend les précédents.")
strawberry.enum(Profil, name="Profil", description="Ensemble de droits prêt à donner, selon ce que fait la personne.")
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
    roles: list[RoleTenu] = strawberry.field(description="Ses rôles, là où l'on gère son compte ; tous pour soi-même.")
    droits: list[Droit] = strawberry.field(description="Les droits qui lui ont été donnés un par un, de même.")

    @strawberry.field(
        description="Quand la personne s'est connectée pour la dernière fois ; absente si elle ne l'a jamais fait."
    )
    async def derniere_connexion(self, info: Info) -> datetime | None:
        usage = await info.context.usages.load(self.id)
        return None if usage is None else usage.connecte_le

    @strawberry.field(
        description="Vrai si le compte est signalé comme inutilisé : la personne en a été avertie, et il sera "
        "désactivé si elle ne se connecte pas."
    )
    async def signale_inactif(self, info: Info) -> bool:
        usage = await info.context.usages.load(self.id)
        return usage is not None and self.etat is not domain.EtatCompte.DESACTIVE and usage.signale

    @strawberry.field(
        description="Jusqu'à quand le compte est verrouillé, après trop d'essais manqués ; absent s'il ne l'est pas. "
        "Les navigateurs que la personne utilise d'habitude n'en sont pas touchés. `deverrouillerCompte` y met fin."
    )
    async def verrouille_jusqu_au(self, info: Info) -> datetime | None:
        return await info.context.verrous.load((self.id, self.courriel))

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
        return await cls.seen(info, await find_visible(info.context.deps, principal, id))

    @classmethod
    async def seen(cls, info: Info, compte: domain.Compte) -> Self:
        """What who asks may be told of an account within its sight."""
        principal = policy.require_active(info.context.principal)
        return cls.of(await shown(info.context.deps, principal, compte))
