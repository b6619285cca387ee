"""What the level above does with an account as such."""

import strawberry

from kit.graphql.refusals import Refus, refusals
from services.identity.schema.types import Compte, Info
from services.identity.usecases import etats

_COMPTE = "Le compte ; absent si l'opération est refusée."
_REFUS = "Ce qui a empêché l'opération ; vide si elle est faite."


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de le désactiver.")
class DesactiverComptePayload:
    compte: Compte | None = strawberry.field(description=_COMPTE)
    refus: list[Refus] = strawberry.field(description=_REFUS)


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de le réactiver.")
class ReactiverComptePayload:
    compte: Compte | None = strawberry.field(description=_COMPTE)
    refus: list[Refus] = strawberry.field(description=_REFUS)


@strawberry.type(description="Si le compte est supprimé, ou ce qui l'a empêché.")
class SupprimerComptePayload:
    supprime: bool = strawberry.field(description="Vrai si rien ne reste de la personne que son identifiant opaque.")
    refus: list[Refus] = strawberry.field(description=_REFUS)


@strawberry.type(description="Le compte déverrouillé, ou ce qui a empêché de le déverrouiller.")
class DeverrouillerComptePayload:
    compte: Compte | None = strawberry.field(description=_COMPTE)
    refus: list[Refus] = strawberry.field(description=_REFUS)


@strawberry.type(description="Le compte déconnecté, ou ce qui a empêché de le déconnecter.")
class DeconnecterComptePayload:
    compte: Compte | None = strawberry.field(description=_COMPTE)
    refus: list[Refus] = strawberry.field(description=_REFUS)


@strawberry.type(description="Ce qu'est devenu le compte, ou ce qui a empêché de réinitialiser ses facteurs.")
class ReinitialiserFacteursPayload:
    compte: Compte | None = strawberry.field(description=_COMPTE)
    refus: list[Refus] = strawberry.field(description=_REFUS)


@strawberry.type
class Etats:
    @strawberry.mutation(
        description="Désactive un compte dont on est l'échelon supérieur partout où il sert ; ses sessions se ferment."
    )
    async def desactiver_compte(self, info: Info, compte: strawberry.ID) -> DesactiverComptePayload:
        with refusals() as refus:
            changed = await etats.disable_account(info.context.deps, info.context.principal, compte)
            return DesactiverComptePayload(compte=await Compte.seen(info, changed), refus=[])
        return DesactiverComptePayload(compte=None, refus=refus)

    @strawberry.mutation(
        description="Invite de nouveau la personne d'un compte désactivé : il sert dès qu'elle a choisi un autre "
        "mot de passe."
    )
    async def reactiver_compte(self, info: Info, compte: strawberry.ID) -> ReactiverComptePayload:
        with refusals() as refus:
            changed = await etats.reactivate(info.context.deps, info.context.principal, compte)
            return ReactiverComptePayload(compte=await Compte.seen(info, changed), refus=[])
        return ReactiverComptePayload(compte=None, refus=refus)

    @strawberry.mutation(
        description="Supprime un compte dont on est l'échelon supérieur partout où il sert, et ce que l'on sait de la "
        "personne."
    )
    async def supprimer_compte(self, info: Info, compte: strawberry.ID) -> SupprimerComptePayload:
        with refusals() as refus:
            await etats.delete(info.context.deps, info.context.principal, compte)
            return SupprimerComptePayload(supprime=True, refus=[])
        return SupprimerComptePayload(supprime=False, refus=refus)

    @strawberry.mutation(
        description="Déverrouille un compte dont on est l'échelon supérieur, après trop d'essais ; sa personne en est "
        "prévenue."
    )
    async def deverrouiller_compte(self, info: Info, compte: strawberry.ID) -> DeverrouillerComptePayload:
        with refusals() as refus:
            changed = await etats.unlock(info.context.deps, info.context.principal, compte)
            return DeverrouillerComptePayload(compte=await Compte.seen(info, changed), refus=[])
        return DeverrouillerComptePayload(compte=None, refus=refus)

    @strawberry.mutation(
        description="Ferme toutes les connexions d'un compte dont on est l'échelon supérieur, partout en cinq "
        "secondes ; sa personne en est prévenue et se reconnecte avec tous ses facteurs."
    )
    async def deconnecter_compte(self, info: Info, compte: strawberry.ID) -> DeconnecterComptePayload:
        with refusals() as refus:
            changed = await etats.sign_out(info.context.deps, info.context.principal, compte)
            return DeconnecterComptePayload(compte=await Compte.seen(info, changed), refus=[])
        return DeconnecterComptePayload(compte=None, refus=refus)

    @strawberry.mutation(
        description="Retire d'un compte dont on est l'échelon supérieur ses moyens de connexion perdus, mot de passe "
        "excepté ; sa personne en est toujours prévenue."
    )
    async def reinitialiser_facteurs(self, info: Info, compte: strawberry.ID) -> ReinitialiserFacteursPayload:
        with refusals() as refus:
            changed = await etats.reset_factors(info.context.deps, info.context.principal, compte)
            return ReinitialiserFacteursPayload(compte=await Compte.seen(info, changed), refus=[])
        return ReinitialiserFacteursPayload(compte=None, refus=refus)
