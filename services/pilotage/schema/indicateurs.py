"""The indicators in the subgraph: translation only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import strawberry

from kit.clock import technical_clock
from services.pilotage import indicateurs
from services.pilotage.indicateurs import Ligne
from services.pilotage.schema.context import Context, Info
from services.pilotage.vues import Vue, VueEtablissement, view_school
from socle.series import Serie

strawberry.enum(Serie, description="Série ou voie de terminale.")


@strawberry.type(
    description="Les effectifs d'une série, ou de toutes, et les taux qui s'en déduisent. Hors de l'établissement, "
    "un chiffre couvert par le secret statistique (groupe de moins de 5 élèves) est absent, et son taux avec lui."
)
class ChiffresIndicateurs:
    serie: Serie | None = strawberry.field(description="La série ; absente pour l'ensemble des séries.")
    vivier: int | None = strawberry.field(description="Élèves de terminale présents ; absent si secret.")
    vivier_initial: int | None = strawberry.field(
        description="Élèves de terminale à la date où le vivier est figé (jusque-là, le vivier), partis depuis "
        "compris ; absent si secret."
    )
    inscrits: int | None = strawberry.field(
        description="Élèves de l'un ou l'autre vivier qui ont un dossier de candidature ; absent si secret."
    )
    sans_voeu: int | None = strawberry.field(description="Inscrits qui n'ont formulé aucun vœu ; absent si secret.")
    au_moins_un_l1_ou_pass: int | None = strawberry.field(
        description="Inscrits qui ont formulé au moins un vœu en licence, LAS ou PASS ; absent si secret."
    )
    seulement_l1_ou_pass: int | None = strawberry.field(
        description="Inscrits qui n'ont formulé que des vœux en licence, LAS ou PASS ; absent si secret."
    )
    taux_participation: float | None = strawberry.field(
        description="Inscrits rapportés au vivier initial, de 0 à 1, ou plus si des inscrits sont arrivés après qu'il "
        "a été figé ; absent si secret ou si le vivier initial est vide."
    )
    taux_sans_voeu: float | None = strawberry.field(
        description="Inscrits sans vœu, rapportés aux inscrits, de 0 à 1 ; absent si secret ou sans inscrit."
    )
    taux_au_moins_un_l1_ou_pass: float | None = strawberry.field(
        description="Inscrits avec au moins un vœu en L1 ou PASS, rapportés aux inscrits, de 0 à 1 ; absent si secret "
        "ou sans inscrit."
    )
    taux_seulement_l1_ou_pass: float | None = strawberry.field(
        description="Inscrits qui n'ont que des vœux en L1 ou PASS, rapportés aux inscrits, de 0 à 1 ; absent si "
        "secret ou sans inscrit."
    )
    secret: bool = strawberry.field(description="Vrai si au moins un de ces chiffres est couvert par le secret.")

    @classmethod
    def of(cls, vue: Vue, ligne: Ligne) -> Self:
        row = vue.resultat.comptage.tableau.row(ligne)
        shown: Mapping[str, int | None] = {
            name: None if ligne in vue.masque[name] else getattr(row, name) for name in indicateurs.CHIFFRES
        }
        return cls(
            serie=ligne,
            vivier=shown["vivier"],
            vivier_initial=shown["vivier_initial"],
            inscrits=shown["inscrits"],
            sans_voeu=shown["sans_voeu"],
            au_moins_un_l1_ou_pass=shown["l1_ou_pass"],
            seulement_l1_ou_pass=shown["l1_ou_pass_seulement"],
            taux_participation=_rate(shown["inscrits"], shown["vivier_initial"]),
            taux_sans_voeu=_rate(shown["sans_voeu"], shown["inscrits"]),
            taux_au_moins_un_l1_ou_pass=_rate(shown["l1_ou_pass"], shown["inscrits"]),
            taux_seulement_l1_ou_pass=_rate(shown["l1_ou_pass_seulement"], shown["inscrits"]),
            secret=None in shown.values(),
        )


def _rate(part: int | None, whole: int | None) -> float | None:
    return None if part is None or not whole else part / whole


@strawberry.type(description="Les indicateurs avant l'admission d'un établissement, d'une académie ou de la nation.")
class Indicateurs:
    ensemble: ChiffresIndicateurs = strawberry.field(description="Toutes séries confondues.")
    series: list[ChiffresIndicateurs] = strawberry.field(description="Par série ; celles qui ont au moins un élève.")
    candidatures_en_attente: int | None = strawberry.field(
        description="Dossiers dont l'élève n'est pas encore connu du service : comptés dans aucun chiffre. Absent hors "
        "de l'établissement."
    )
    voeux_en_attente: int | None = strawberry.field(
        description="Vœux dont la formation n'est pas encore connue du service : ils ne comptent pas comme L1 ou PASS. "
        "Absent hors de l'établissement."
    )
    calcule_le: datetime | None = strawberry.field(
        description="Date du calcul ; absente tant que personne n'est compté."
    )

    @classmethod
    def of(cls, vue: Vue) -> Self:
        resultat = vue.resultat
        comptage = resultat.comptage
        return cls(
            ensemble=ChiffresIndicateurs.of(vue, None),
            series=[ChiffresIndicateurs.of(vue, serie) for serie in resultat.comptage.tableau.series],
            # They are of few, and no mask is made for them.
            candidatures_en_attente=comptage.candidatures_en_attente if vue.exacte else None,
            voeux_en_attente=comptage.voeux_en_attente if vue.exacte else None,
            calcule_le=resultat.calcule_le,
        )


@strawberry.type(description="Les indicateurs d'un établissement, à côté de ceux de son académie et de la nation.")
class IndicateursEtablissement:
    session: int = strawberry.field(description="Année de la session.")
    etablissement: Indicateurs = strawberry.field(
        description="Ceux de l'établissement : exacts pour qui y a le droit « pilotage », sous secret statistique pour "
        "les autres."
    )
    nom_academie: str | None = strawberry.field(description="Son académie ; absente si son UAI n'en désigne aucune.")
    academie: Indicateurs | None = strawberry.field(
        description="Ceux de son académie, sous secret statistique ; absents si son UAI n'en désigne aucune."
    )
    nation: Indicateurs = strawberry.field(description="Ceux de la nation, sous secret statistique.")

    @classmethod
    def of(cls, vue: VueEtablissement) -> Self:
        return cls(
            session=vue.session,
            etablissement=Indicateurs.of(vue.etablissement),
            nom_academie=vue.academie[0].nom if vue.academie else None,
            academie=Indicateurs.of(vue.academie[1]) if vue.academie else None,
            nation=Indicateurs.of(vue.nation),
        )


@strawberry.federation.type(keys=["uai"], description="Un établissement.")
class Etablissement:
    uai: strawberry.ID = strawberry.field(description="Numéro UAI : sept chiffres et une lettre.")

    @strawberry.field(
        description="Ses indicateurs avant l'admission, pour une session ; zéro partout s'il n'a pas d'élève de "
        "terminale. Réservé à qui a le droit « pilotage »."
    )
    async def indicateurs(self, info: Info, session: int | None = None) -> IndicateursEtablissement | None:
        return await _show(info.context, self.uai, session)

    @classmethod
    async def resolve_reference(cls, uai: strawberry.ID) -> Self:
        return cls(uai=uai)


async def _show(context: Context, uai: str, session: int | None) -> IndicateursEtablissement:
    year = session or context.session
    vue = await view_school(context.resultats.load_many, context.principal, uai, year, now=technical_clock())
    return IndicateursEtablissement.of(vue)


@strawberry.type
class Query:
    @strawberry.field(
        description="Les indicateurs d'un établissement, comme son champ du même nom, même si l'offre ne répond pas. "
        "Absents si le service ne répond pas."
    )
    async def indicateurs(
        self, info: Info, uai: strawberry.ID, session: int | None = None
    ) -> IndicateursEtablissement | None:
        return await _show(info.context, uai, session)
