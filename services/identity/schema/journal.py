"""Reading the audit trail, and asking for a file of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import strawberry

from kit.graphql.connections import Connection, connection, decode_cursor, encode_cursor, page_size
from kit.graphql.refusals import Refus, refusals
from services.identity.domain import audit as domain
from services.identity.domain.exports import Export, Format, dated
from services.identity.schema.types import Compte, Etablissement, Info
from services.identity.usecases.audit import LigneLue, read, reader
from services.identity.usecases.exports import request_export
from services.identity.usecases.lectures import find_all_visible

CHEMIN = "/exports/"

strawberry.enum(domain.Acte, name="ActeJournal", description="Ce qui a été fait, ou refusé.")
strawberry.enum(domain.Issue, name="IssueJournal", description="Comment cela s'est terminé.")
strawberry.enum(Format, name="FormatExport", description="La forme d'un fichier.")


@strawberry.type(description="Une précision sur ce qui a été fait, dans les mots de la plateforme.")
class PrecisionJournal:
    nom: str = strawberry.field(description="De quoi il s'agit, comme `rubrique`.")
    valeur: str = strawberry.field(description="Ce que c'était, comme `SIECLE`.")


@strawberry.type(description="Une ligne du journal : qui a fait quoi, sur quoi, quand, d'où, et avec quelle issue.")
class LigneJournal:
    id: strawberry.ID = strawberry.field(description="Identifiant opaque, qui se range dans l'ordre des dates.")
    date: datetime = strawberry.field(description="Quand.")
    acte: domain.Acte | None = strawberry.field(
        description="Ce qui a été fait, ou refusé ; absent d'un acte qu'une version plus récente vient d'apporter : "
        "`nomActe` le dit."
    )
    nom_acte: str = strawberry.field(description="Le nom de cet acte, que cette version le connaisse ou non.")
    issue: domain.Issue = strawberry.field(description="Comment cela s'est terminé.")
    motif: str | None = strawberry.field(description="Le code du refus ; absent si c'est fait.")
    acteur_id: str | None = strawberry.field(
        description="Identifiant opaque du compte qui agit, ou `operateur`, ou `plateforme` ; absent si personne "
        "n'était reconnu."
    )
    acteur: Compte | None = strawberry.field(
        description="Le compte qui agit ; absent s'il n'est pas de ceux que l'on gère, ou s'il n'existe plus."
    )
    cible_id: str | None = strawberry.field(
        description="Identifiant opaque du compte concerné ; absent si c'est celui qui agit, ou aucun."
    )
    cible: Compte | None = strawberry.field(
        description="Le compte concerné ; absent s'il n'est pas de ceux que l'on gère, ou s'il n'existe plus."
    )
    detail: list[PrecisionJournal] = strawberry.field(description="Les précisions, dans l'ordre de leurs noms.")
    etablissements: list[Etablissement] = strawberry.field(description="Les établissements concernés.")
    academies: list[str] = strawberry.field(description="Noms courts des académies concernées, comme `creteil`.")
    adresse: str | None = strawberry.field(
        description="L'adresse IP d'où c'est venu ; absente après douze mois, ou si ce n'est pas venu du réseau."
    )

    @classmethod
    def of(cls, lue: LigneLue, comptes: Mapping[str, Compte]) -> Self:
        ligne = lue.ligne
        return cls(
            id=strawberry.ID(ligne.id),
            date=ligne.le,
            acte=ligne.acte if isinstance(ligne.acte, domain.Acte) else None,
            nom_acte=str(ligne.acte),
            issue=ligne.issue,
            motif=ligne.motif,
            acteur_id=ligne.acteur,
            acteur=comptes.get(ligne.acteur or ""),
            cible_id=ligne.cible,
            cible=comptes.get(ligne.cible or ""),
            detail=[PrecisionJournal(nom=nom, valeur=valeur) for nom, valeur in sorted(ligne.detail.items())],
            etablissements=[Etablissement(uai=strawberry.ID(uai)) for uai in sorted(lue.lieux.uais)],
            academies=sorted(lue.lieux.academies),
            adresse=lue.adresse,
        )


@strawberry.type
class LecturesJournal:
    @strawberry.field(
        description="Les lignes du journal que l'on peut lire, de la plus récente à la plus ancienne : les siennes, et "
        "celles des échelons inférieurs. Cette lecture y est elle-même écrite. Absentes si le service ne répond pas."
    )
    async def journal(
        self,
        info: Info,
        uai: strawberry.ID | None = None,
        compte: strawberry.ID | None = None,
        acte: domain.Acte | None = None,
        issue: domain.Issue | None = None,
        depuis: datetime | None = None,
        jusqu_au: datetime | None = None,
        first: int = 20,
        after: str | None = None,
    ) -> Connection[LigneJournal] | None:
        deps = info.context.deps
        lecteur, cursor = reader(deps, info.context.principal), decode_cursor(after, length=1)
        recherche = domain.Recherche(
            uai=uai,
            compte=compte,
            acte=acte,
            issue=issue,
            depuis=dated(depuis, "depuis"),
            jusqu_au=dated(jusqu_au, "jusquAu"),
        )
        page = await read(
            deps, lecteur, recherche, first=page_size(first), before=None if cursor is None else cursor[0]
        )
        named = {id for lue in page.rows for id in (lue.ligne.acteur, lue.ligne.cible) if id is not None}
        visible = await find_all_visible(deps, info.context.principal, named)
        comptes = {id: Compte.of(held) for id, held in visible.items()}
        return connection(
            page.rows,
            first=first,
            total=page.total,
            node=lambda lue: LigneJournal.of(lue, comptes),
            cursor=lambda lue: encode_cursor(lue.ligne.id),
        )


@strawberry.input(description="Les lignes à exporter, et la forme du fichier.")
class DemanderExportJournalInput:
    format: Format = strawberry.field(description="CSV, ou XLSX.")
    uai: strawberry.ID | None = strawberry.field(default=None, description="De cet établissement seulement.")
    compte: strawberry.ID | None = strawberry.field(
        default=None, description="De ce compte seulement, qu'il agisse ou soit concerné."
    )
    acte: domain.Acte | None = strawberry.field(default=None, description="De cette nature seulement.")
    issue: domain.Issue | None = strawberry.field(default=None, description="De cette issue seulement.")
    depuis: datetime | None = strawberry.field(default=None, description="À partir de ce moment.")
    jusqu_au: datetime | None = strawberry.field(default=None, description="Avant ce moment.")


@strawberry.type(description="Un export du journal, à télécharger une fois.")
class ExportJournal:
    url: str = strawberry.field(
        description="Où le télécharger par GET, avec le jeton d'accès de la personne qui l'a demandé."
    )
    expire_le: datetime = strawberry.field(description="Jusqu'à quand.")

    @classmethod
    def of(cls, export: Export, adresse: str) -> Self:
        return cls(url=f"{adresse}{CHEMIN}{export.id}", expire_le=export.expire_le)


@strawberry.type(description="L'export demandé, ou ce qui l'a empêché.")
class DemanderExportJournalPayload:
    export: ExportJournal | None = strawberry.field(description="L'export ; absent s'il est refusé.")
    refus: list[Refus] = strawberry.field(description="Ce qui a empêché l'opération ; vide si elle est faite.")


@strawberry.type
class ExportsJournal:
    @strawberry.mutation(
        description="Demande un fichier des lignes du journal que l'on peut lire : une adresse qui sert une fois, "
        "pendant dix minutes, à la personne qui la demande. Cinquante mille lignes au plus."
    )
    async def demander_export_journal(
        self, info: Info, entree: DemanderExportJournalInput
    ) -> DemanderExportJournalPayload:
        deps = info.context.deps
        recherche = domain.Recherche(
            uai=entree.uai,
            compte=entree.compte,
            acte=entree.acte,
            issue=entree.issue,
            depuis=entree.depuis,
            jusqu_au=entree.jusqu_au,
        )
        with refusals() as refus:
            export = await request_export(deps, info.context.principal, recherche, entree.format)
            return DemanderExportJournalPayload(export=ExportJournal.of(export, deps.adresse), refus=[])
        return DemanderExportJournalPayload(export=None, refus=refus)
