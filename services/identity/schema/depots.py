"""Inviting many, from a list."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import strawberry

from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from kit.graphql.refusals import Refus, refusals
from services.identity.domain import depots as domain
from services.identity.domain.depots import EtatDepot, IssueLigne, LigneTraitee, Refuse
from services.identity.domain.listes import TITRES
from services.identity.schema.types import Compte, Info
from services.identity.usecases.depots import Suivi, follow, report, request_deposit
from services.identity.usecases.lectures import find_all_visible

DEPOTS = "/depots/"
MODELE = "/modeles/invitations."

strawberry.enum(
    EtatDepot,
    name="EtatDepotInvitations",
    description="Où en est un fichier : attendu, expiré (il n'est pas arrivé en dix minutes), refusé en entier, en "
    "cours de traitement, terminé.",
)
strawberry.enum(
    IssueLigne,
    name="IssueInvitation",
    description="Ce qu'une ligne a donné : une invitation, un rôle à un compte qui existait, rien (la personne est "
    "déjà invitée, ou a déjà ce rôle), un refus.",
)


@strawberry.input(description="Le fichier que l'on va envoyer : .xlsx, .ods ou .csv, d'après le modèle.")
class DemanderDepotInvitationsInput:
    taille: int = strawberry.field(description="Sa taille, en octets.")
    sha256: str = strawberry.field(description="L'empreinte SHA-256 de ses octets, en hexadécimal.")


@strawberry.type(description="Où envoyer le fichier annoncé.")
class DepotAttendu:
    id: strawberry.ID = strawberry.field(description="Identifiant, à donner pour suivre le fichier.")
    url: str = strawberry.field(
        description="Où l'envoyer par PUT, avec le jeton d'accès de qui l'a annoncé ; elle ne sert qu'une fois."
    )
    expire_le: datetime = strawberry.field(description="Jusqu'à quand.")

    @classmethod
    def of(cls, depot: domain.Depot, adresse: str) -> Self:
        return cls(id=strawberry.ID(depot.id), url=f"{adresse}{DEPOTS}{depot.id}", expire_le=depot.expire_le)


@strawberry.type(description="Le dépôt annoncé, ou ce qui l'a empêché.")
class DemanderDepotInvitationsPayload:
    depot: DepotAttendu | None = strawberry.field(description="Le dépôt ; absent s'il est refusé.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type(description="Une colonne d'une liste de personnes à inviter.")
class ColonneInvitations:
    titre: str = strawberry.field(description="Son titre, que l'on écrit avec ou sans accents et majuscules.")
    obligatoire: bool = strawberry.field(description="Vrai si chaque liste doit l'avoir.")
    contenu: str = strawberry.field(description="Ce qu'on y met.")


@strawberry.type(description="Le modèle d'une liste de personnes à inviter.")
class ModeleInvitations:
    xlsx: str = strawberry.field(description="Où le télécharger, en classeur.")
    csv: str = strawberry.field(description="Où le télécharger, en texte.")
    colonnes: list[ColonneInvitations] = strawberry.field(description="Ses colonnes, dont l'ordre n'importe pas.")
    lignes: int = strawberry.field(description="Combien de personnes un fichier peut compter.")


@strawberry.type(description="Ce qu'une ligne du fichier a donné.")
class LigneInvitation:
    ligne: int = strawberry.field(description="Son numéro, tel que le tableur le montre.")
    issue: IssueLigne | None = strawberry.field(description="Ce qu'elle a donné ; absent tant qu'elle attend.")
    compte: Compte | None = strawberry.field(
        description="Le compte ; absent en cas de refus, ou s'il n'est pas de ceux que l'on gère."
    )
    refus: Refus | None = strawberry.field(description="Ce qui l'a empêchée ; absent si rien.")

    @classmethod
    def of(cls, traitee: LigneTraitee, comptes: Mapping[str, Compte]) -> Self:
        return cls(
            ligne=traitee.numero,
            issue=traitee.issue,
            compte=comptes.get(traitee.compte or ""),
            refus=_refus(traitee.refus),
        )


def _refus(refus: Refuse | None) -> Refus | None:
    return None if refus is None else Refus(code=refus.code, message=refus.message, champ=refus.champ)


@strawberry.type(description="Combien de lignes ont donné la même chose.")
class BilanInvitations:
    issue: IssueLigne = strawberry.field(description="Ce qu'elles ont donné.")
    nombre: int = strawberry.field(description="Combien.")


@strawberry.type(description="Un fichier de personnes à inviter, du dépôt au compte rendu, gardé trente jours.")
class DepotInvitations:
    suivi: strawberry.Private[Suivi]
    id: strawberry.ID = strawberry.field(description="Identifiant opaque.")
    etat: EtatDepot = strawberry.field(description="Où il en est.")
    demande_le: datetime = strawberry.field(description="Quand il a été annoncé.")
    recu_le: datetime | None = strawberry.field(description="Quand il est arrivé ; absent avant.")
    personnes: int | None = strawberry.field(
        description="Combien de personnes il compte ; absent avant son arrivée, ou s'il est refusé."
    )
    restantes: int = strawberry.field(description="Combien de lignes attendent encore.")
    bilan: list[BilanInvitations] = strawberry.field(description="Ce que les lignes ont donné jusqu'ici.")
    refus: Refus | None = strawberry.field(
        description="Pourquoi le fichier entier est refusé ; absent s'il ne l'est pas."
    )

    @strawberry.field(
        description="Les lignes, dans l'ordre du fichier ; celles d'une seule issue si elle est donnée. Absentes si le "
        "service ne répond pas."
    )
    async def lignes(
        self, info: Info, issue: IssueLigne | None = None, first: int = 20, after: str | None = None
    ) -> Connection[LigneInvitation] | None:
        deps, cursor = info.context.deps, decode_cursor(after, length=1)
        rows = await report(
            deps, self.suivi, issue=issue, first=page_size(first), after=0 if cursor is None else _rank(cursor[0])
        )
        named = {row.compte for row in rows if row.compte is not None}
        visible = await find_all_visible(deps, info.context.principal, named)
        comptes = {id: Compte.of(held) for id, held in visible.items()}
        issues = self.suivi.issues
        return connection(
            rows,
            first=first,
            total=sum(issues.values()) if issue is None else issues.get(issue, 0),
            node=lambda row: LigneInvitation.of(row, comptes),
            cursor=lambda row: encode_cursor(str(row.numero)),
        )

    @classmethod
    def of(cls, suivi: Suivi) -> Self:
        depot = suivi.depot
        return cls(
            suivi=suivi,
            id=strawberry.ID(depot.id),
            etat=suivi.etat,
            demande_le=depot.demande_le,
            recu_le=depot.recu_le,
            personnes=depot.lignes,
            restantes=suivi.issues.get(None, 0),
            bilan=[BilanInvitations(issue=i, nombre=n) for i in IssueLigne if (n := suivi.issues.get(i, 0))],
            refus=_refus(depot.refus),
        )


def _rank(said: str) -> int:
    """The number of the row that a cursor names; of one that names none, beyond the last."""
    return int(said) if said.isdecimal() and len(said) < 8 else 10**8


@strawberry.type
class LecturesDepots:
    @strawberry.field(
        description="Un fichier que l'on a soi-même envoyé, tant que l'on peut inviter ; absent si le service ne "
        "répond pas."
    )
    async def depot_invitations(self, info: Info, id: strawberry.ID) -> DepotInvitations | None:
        return DepotInvitations.of(await follow(info.context.deps, info.context.principal, id))

    @strawberry.field(description="Le modèle d'une liste de personnes à inviter ; absent si le service ne répond pas.")
    def modele_invitations(self, info: Info) -> ModeleInvitations | None:
        deps = info.context.deps
        return ModeleInvitations(
            xlsx=f"{deps.adresse}{MODELE}xlsx",
            csv=f"{deps.adresse}{MODELE}csv",
            colonnes=[
                ColonneInvitations(titre=t.titre, obligatoire=t.obligatoire, contenu=t.contenu) for t in TITRES.values()
            ],
            lignes=deps.invitations_par_fichier,
        )


@strawberry.type
class Depots:
    @strawberry.mutation(
        description="Annonce un fichier de personnes à inviter : une adresse qui sert une fois, pendant dix minutes, à "
        "la personne qui la demande. Chaque ligne est ensuite une invitation ; une ligne refusée n'empêche pas les "
        "autres."
    )
    async def demander_depot_invitations(
        self, info: Info, entree: DemanderDepotInvitationsInput
    ) -> DemanderDepotInvitationsPayload:
        deps = info.context.deps
        with refusals() as refus:
            depot = await request_deposit(deps, info.context.principal, taille=entree.taille, sha256=entree.sha256)
            return DemanderDepotInvitationsPayload(depot=DepotAttendu.of(depot, deps.adresse), refus=[])
        return DemanderDepotInvitationsPayload(depot=None, refus=refus)
