"""Giving many rights at once."""

from datetime import datetime
from typing import Self

import strawberry

from kit.graphql.refusals import Refus, refusals
from services.identity.domain.profils import Motif, NonCopie, Profil
from services.identity.schema.types import Compte, Droit, Info
from services.identity.usecases.profils import Attribution, Modele, copy_rights, give_profile

strawberry.enum(
    Motif,
    name="MotifNonCopie",
    description="Pourquoi un droit n'est pas copié : `NON_DETENU` si l'on ne le détient pas soi-même ; "
    "`DEJA_DETENU_AUTREMENT` si le compte a déjà, sur la même chose, un niveau plus haut ou une fin plus lointaine : "
    "la copie l'abaisserait ou le raccourcirait.",
)


@strawberry.input(description="Le profil à donner, en plus de ce que le compte détient.")
class DonnerProfilInput:
    compte: strawberry.ID = strawberry.field(description="À qui.")
    uai: strawberry.ID = strawberry.field(description="Dans quel établissement.")
    profil: Profil = strawberry.field(description="Quel profil.")
    formation: strawberry.ID | None = strawberry.field(
        default=None, description="La formation, pour un responsable ou une commission."
    )
    classes: list[str] = strawberry.field(
        default_factory=list, description="Les classes, pour un professeur principal."
    )
    jusqu_au: datetime | None = strawberry.field(
        default=None, description="Date de fin ; sans fin si elle est absente."
    )


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de lui donner ce profil.")
class DonnerProfilPayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si le profil est refusé, en entier.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.input(description="Les droits d'un collègue, à donner à un autre.")
class CopierDroitsInput:
    de: strawberry.ID = strawberry.field(description="Le compte du collègue.")
    vers: strawberry.ID = strawberry.field(description="À qui les donner.")
    uai: strawberry.ID = strawberry.field(description="Dans quel établissement.")
    jusqu_au: datetime | None = strawberry.field(
        default=None, description="Date de fin de tous ; chacun garde la sienne si elle vient avant."
    )


@strawberry.type(description="Un droit du collègue qui n'a pas été copié.")
class DroitNonCopie:
    droit: Droit = strawberry.field(description="Le droit, comme il aurait été donné.")
    motif: Motif = strawberry.field(description="Pourquoi il ne l'a pas été.")

    @classmethod
    def of(cls, non_copie: NonCopie) -> Self:
        return cls(droit=Droit.of(non_copie.droit), motif=non_copie.motif)


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de lui copier ces droits.")
class CopierDroitsPayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si l'opération est refusée.")
    non_copies: list[DroitNonCopie] = strawberry.field(
        description="Les droits du collègue que le compte n'a toujours pas, et pourquoi."
    )
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type
class Profils:
    @strawberry.mutation(
        description="Donne à un utilisateur que l'on gère tout ce qu'un profil contient, si l'on détient tout soi-même."
    )
    async def donner_profil(self, info: Info, entree: DonnerProfilInput) -> DonnerProfilPayload:
        asked = Attribution(
            compte=entree.compte,
            uai=entree.uai,
            profil=entree.profil,
            formation=entree.formation,
            classes=frozenset(name.strip() for name in entree.classes),
            jusqu_au=entree.jusqu_au,
        )
        with refusals() as refus:
            compte = await give_profile(info.context.deps, info.context.principal, asked)
            return DonnerProfilPayload(compte=await Compte.seen(info, compte), refus=[])
        return DonnerProfilPayload(compte=None, refus=refus)

    @strawberry.mutation(
        description="Donne à un utilisateur que l'on gère les droits d'un collègue que l'on gère aussi, parmi ceux que "
        "l'on détient ; ne retire rien, et ne copie pas les rôles."
    )
    async def copier_droits(self, info: Info, entree: CopierDroitsInput) -> CopierDroitsPayload:
        modele = Modele(de=entree.de, vers=entree.vers, uai=entree.uai, jusqu_au=entree.jusqu_au)
        with refusals() as refus:
            copie = await copy_rights(info.context.deps, info.context.principal, modele)
            left = [DroitNonCopie.of(one) for one in copie.non_copies]
            return CopierDroitsPayload(compte=await Compte.seen(info, copie.compte), non_copies=left, refus=[])
        return CopierDroitsPayload(compte=None, non_copies=[], refus=refus)
