"""Inviting people."""

from datetime import datetime

import strawberry

from kit.graphql.refusals import Refus, refusals
from services.identity.domain.invitations import Invitation
from services.identity.domain.profils import Profil
from services.identity.schema.roles import RoleInput
from services.identity.schema.types import Compte, Info
from services.identity.usecases.invitations import invite, send_again
from socle import principal as socle
from socle.rubriques import Niveau, Rubrique


@strawberry.input(description="Un droit donné avec l'invitation, dans l'établissement du rôle.")
class DroitInviteInput:
    rubrique: Rubrique = strawberry.field(description="Sur quelle rubrique.")
    niveau: Niveau = strawberry.field(description="Jusqu'à quel niveau : la lecture ou l'écriture.")
    formation: strawberry.ID | None = strawberry.field(
        default=None, description="Sur cette seule formation, pour les rubriques de l'offre."
    )
    jusqu_au: datetime | None = strawberry.field(
        default=None, description="Date de fin ; sans fin si elle est absente."
    )


@strawberry.input(description="La personne à inviter, et ce qu'elle pourra faire.")
class InviterInput:
    courriel: str = strawberry.field(description="Son adresse électronique, nominative : un compte par adresse.")
    nom: str = strawberry.field(description="Son nom.")
    prenom: str = strawberry.field(description="Son prénom.")
    role: RoleInput = strawberry.field(description="Son rôle, et là où il vaut.")
    droits: list[DroitInviteInput] = strawberry.field(
        default_factory=list, description="Les droits à lui donner en plus, parmi ceux que l'on détient."
    )
    profil: Profil | None = strawberry.field(
        default=None, description="Un profil à lui donner en plus, dans l'établissement du rôle."
    )
    formation: strawberry.ID | None = strawberry.field(
        default=None, description="La formation, pour un profil qui porte sur une formation."
    )


@strawberry.type(description="Ce que l'invitation a donné, ou ce qui l'a empêchée.")
class InviterPayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si l'invitation est refusée.")
    nouveau: bool = strawberry.field(
        description="Faux si la personne avait déjà un compte dans le pays : elle en est prévenue."
    )
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type(description="Ce qu'est devenue l'invitation, ou ce qui a empêché de la renvoyer.")
class RenvoyerInvitationPayload:
    compte: Compte | None = strawberry.field(description="Le compte ; absent si l'opération est refusée.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type
class Invitations:
    @strawberry.mutation(
        description="Invite une personne par un courriel qui porte un lien d'activation, valable une fois pendant 72 "
        "heures ; si elle a déjà un compte, il reçoit le rôle."
    )
    async def inviter(self, info: Info, entree: InviterInput) -> InviterPayload:
        role = entree.role.tenu()
        droits = [
            socle.Droit(
                uai=role.uai or "",
                rubrique=droit.rubrique,
                niveau=droit.niveau,
                formation=droit.formation,
                jusqu_au=droit.jusqu_au,
            )
            for droit in entree.droits
        ]
        asked = Invitation(
            courriel=entree.courriel,
            nom=entree.nom,
            prenom=entree.prenom,
            role=role,
            droits=droits,
            profil=entree.profil,
            formation=entree.formation,
        )
        with refusals() as refus:
            invited = await invite(info.context.deps, info.context.principal, asked)
            compte = await Compte.seen(info, invited.compte)
            return InviterPayload(compte=compte, nouveau=invited.nouveau, refus=[])
        return InviterPayload(compte=None, nouveau=False, refus=refus)

    @strawberry.mutation(
        description="Envoie un nouveau lien d'activation à un compte invité que l'on gère ; les précédents ne servent "
        "plus."
    )
    async def renvoyer_invitation(self, info: Info, compte: strawberry.ID) -> RenvoyerInvitationPayload:
        with refusals() as refus:
            sent = await send_again(info.context.deps, info.context.principal, compte)
            return RenvoyerInvitationPayload(compte=await Compte.seen(info, sent), refus=[])
        return RenvoyerInvitationPayload(compte=None, refus=refus)
