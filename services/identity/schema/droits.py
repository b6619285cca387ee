"""Giving and taking rights."""

from datetime import datetime

import strawberry

from kit.graphql.refusals import Refus, refusals
from services.identity.schema.types import Compte, Info
from services.identity.usecases.droits import Vise, give_right, take_right
from socle import principal as socle
from socle.rubriques import Niveau, Rubrique


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
class Droits:
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
            return DonnerDroitPayload(compte=await Compte.seen(info, compte), refus=[])
        return DonnerDroitPayload(compte=None, refus=refus)

    @strawberry.mutation(description="Retire un droit à un utilisateur que l'on gère ; partout en cinq secondes.")
    async def retirer_droit(self, info: Info, entree: RetirerDroitInput) -> RetirerDroitPayload:
        vise = Vise(compte=entree.compte, uai=entree.uai, rubrique=entree.rubrique, formation=entree.formation)
        with refusals() as refus:
            compte = await take_right(info.context.deps, info.context.principal, vise)
            return RetirerDroitPayload(compte=await Compte.seen(info, compte), refus=[])
        return RetirerDroitPayload(compte=None, refus=refus)
