"""The calendar in the subgraph: translation only."""

from datetime import date, datetime
from typing import Self

import strawberry

from kit.errors import Refusal
from kit.graphql.refusals import Refus, refusals
from services.pilotage import policy, usecases
from services.pilotage.domain import CalendrierSession
from services.pilotage.schema.context import Info
from socle import fenetres
from socle.academies import find_academie
from socle.fenetres import CodeFenetre, EtatFenetre

strawberry.enum(CodeFenetre, description="Ce sur quoi porte une fenêtre du calendrier.")
strawberry.enum(EtatFenetre, description="Où l'on en est d'une fenêtre : avant, pendant, en retard, après.")


class AcademieInconnue(Refusal):
    """No académie of that name."""

    code = "ACADEMIE_INCONNUE"


class FenetreMalFormee(Refusal):
    """Dates out of order or of no sensible year, or a zone that does not exist."""

    code = "FENETRE_MAL_FORMEE"


@strawberry.type(description="Une fenêtre du calendrier : chaque dernier jour est inclus.")
class Fenetre:
    code: CodeFenetre = strawberry.field(description="Ce sur quoi elle porte.")
    libelle: str = strawberry.field(description="Son nom.")
    ouverture: date = strawberry.field(description="Premier jour.")
    echeance: date | None = strawberry.field(
        description="Dernier jour dans les temps : après, c'est accepté et marqué en retard. Absente s'il n'y en a pas."
    )
    fermeture: date | None = strawberry.field(
        description="Dernier jour : après, c'est refusé. Absente s'il n'y en a pas."
    )
    fuseau: str = strawberry.field(description="Fuseau horaire de ces jours.")
    etat: EtatFenetre = strawberry.field(description="Où l'on en est, à la date de la campagne.")

    @classmethod
    def of(cls, fenetre: fenetres.Fenetre, now: datetime) -> Self:
        return cls(
            code=fenetre.code,
            libelle=fenetre.code.libelle,
            ouverture=fenetre.ouverture,
            echeance=fenetre.echeance,
            fermeture=fenetre.fermeture,
            fuseau=fenetre.fuseau,
            etat=fenetre.state(now),
        )


@strawberry.type(description="Le calendrier d'une session, tel qu'il vaut pour une académie ou pour la nation.")
class Calendrier:
    session: int = strawberry.field(description="Année de la session.")
    date_campagne: datetime = strawberry.field(
        description="La date à laquelle les états sont donnés : celle du jour, sauf en démonstration."
    )
    fenetres: list[Fenetre] = strawberry.field(description="Ses fenêtres, par date d'ouverture.")

    @classmethod
    def of(cls, held: CalendrierSession, academie: str | None, now: datetime) -> Self:
        calendrier = held.calendrier
        windows = [calendrier.fenetre(code, academie) or fenetre for code, fenetre in calendrier.fenetres.items()]
        shown = sorted((Fenetre.of(window, now) for window in windows), key=lambda f: (f.ouverture, f.code))
        return cls(session=calendrier.session, date_campagne=now, fenetres=shown)


@strawberry.input(description="Une fenêtre à fixer : les jours se suivent, le dernier est inclus.")
class FenetreInput:
    code: CodeFenetre = strawberry.field(description="Ce sur quoi elle porte.")
    ouverture: date = strawberry.field(description="Premier jour.")
    echeance: date | None = strawberry.field(default=None, description="Dernier jour dans les temps.")
    fermeture: date | None = strawberry.field(default=None, description="Dernier jour.")
    fuseau: str = strawberry.field(default=fenetres.PARIS, description="Fuseau horaire, par son nom IANA.")

    def fenetre(self) -> fenetres.Fenetre:
        """The window.

        Raises:
            FenetreMalFormee: dates out of order or of no sensible year, or no such zone.
        """
        try:
            return fenetres.Fenetre(
                code=self.code,
                ouverture=self.ouverture,
                echeance=self.echeance,
                fermeture=self.fermeture,
                fuseau=self.fuseau,
            )
        except ValueError as error:
            raise FenetreMalFormee(f"Cette fenêtre n'est pas valable : {error}.", champ="fenetre") from error


@strawberry.type(description="Ce qu'est devenu le calendrier.")
class CalendrierPayload:
    calendrier: Calendrier | None = strawberry.field(description="Le calendrier modifié ; absent en cas de refus.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché la modification ; vide si elle est faite.")


@strawberry.type
class Query:
    @strawberry.field(description="Le calendrier d'une session, pour une académie ; absent si la session n'existe pas.")
    async def calendrier(
        self, info: Info, session: int | None = None, academie: str | None = None
    ) -> Calendrier | None:
        context = info.context
        policy.require_read(context.principal)
        held = await context.stores.calendriers.get(session or context.session)
        slug = None if academie is None else _slug(academie)
        return None if held is None else Calendrier.of(held, slug, context.campaign_clock())


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Fixe une fenêtre nationale. Réservé à l'équipe nationale.")
    async def fixer_fenetre(self, info: Info, session: int, fenetre: FenetreInput) -> CalendrierPayload:
        context = info.context
        with refusals() as refus:
            writer = await context.writer()
            changed = await usecases.change_window(context.transact, writer, session, fenetre.fenetre())
            return CalendrierPayload(calendrier=Calendrier.of(changed, None, context.campaign_clock()), refus=[])
        return CalendrierPayload(calendrier=None, refus=refus)

    @strawberry.mutation(description="Donne à une académie sa propre fenêtre. Réservé à l'équipe nationale.")
    async def deroger_fenetre(
        self, info: Info, session: int, academie: str, fenetre: FenetreInput
    ) -> CalendrierPayload:
        context = info.context
        with refusals() as refus:
            writer, slug = await context.writer(), _slug(academie)
            changed = await usecases.override_window(context.transact, writer, session, slug, fenetre.fenetre())
            return CalendrierPayload(calendrier=Calendrier.of(changed, slug, context.campaign_clock()), refus=[])
        return CalendrierPayload(calendrier=None, refus=refus)

    @strawberry.mutation(description="Rend à une académie la fenêtre nationale. Réservé à l'équipe nationale.")
    async def retirer_derogation(self, info: Info, session: int, academie: str, code: CodeFenetre) -> CalendrierPayload:
        context = info.context
        with refusals() as refus:
            writer, slug = await context.writer(), _slug(academie)
            changed = await usecases.withdraw_override(context.transact, writer, session, slug, code)
            return CalendrierPayload(calendrier=Calendrier.of(changed, slug, context.campaign_clock()), refus=[])
        return CalendrierPayload(calendrier=None, refus=refus)


def _slug(academie: str) -> str:
    found = find_academie(academie)
    if found is None:
        raise AcademieInconnue(
            f"« {academie} » n'est pas une académie : donnez son nom, tel que « Créteil ».", champ="academie"
        )
    return found.slug
