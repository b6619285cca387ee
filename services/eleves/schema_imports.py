"""Imports in the subgraph."""

from datetime import datetime
from typing import Self

import strawberry

from kit.graphql.refusals import Refus
from services.eleves import imports
from services.eleves.imports import EtatImport
from services.eleves.rapport import Rapport
from services.eleves.schema_eleves import Tache
from services.eleves.siecle import compte_rendu
from services.eleves.siecle.compte_rendu import CodeAvertissement, CodeRejet

strawberry.enum(
    EtatImport,
    description=(
        "Où en est un envoi : fichiers attendus, envoi expiré (ils ne sont pas tous arrivés en dix minutes : refaites-"
        "le), reçus, en cours d'examen, pris en compte (terminé), refusés, ou échec de notre côté."
    ),
)
strawberry.enum(CodeRejet, description="Pourquoi une ligne n'est pas retenue.")
strawberry.enum(CodeAvertissement, description="Ce qui mérite d'être vérifié, sans rien empêcher.")


@strawberry.input(description="Un fichier que l'on va envoyer.")
class FichierInput:
    nom: str = strawberry.field(description="Son nom : il ne sert que dans les messages.")
    taille: int = strawberry.field(description="Sa taille, en octets.")
    sha256: str = strawberry.field(description="L'empreinte SHA-256 de ses octets, en hexadécimal.")


@strawberry.type(description="Une ligne qui n'est pas retenue ; elle n'empêche pas les autres.")
class LigneRejetee:
    ligne: int = strawberry.field(description="Ligne du fichier.")
    eleve: str = strawberry.field(description="Élève, tel que le fichier le nomme.")
    champ: str = strawberry.field(description="Balise de SIECLE concernée.")
    code: CodeRejet = strawberry.field(description="Code stable, pour les programmes.")
    raison: str = strawberry.field(description="Ce qui ne va pas.")
    conseil: str = strawberry.field(description="Ce qu'il faut faire.")

    @classmethod
    def of(cls, rejet: compte_rendu.Rejet) -> Self:
        return cls(
            ligne=rejet.ligne,
            eleve=rejet.eleve,
            champ=rejet.champ,
            code=rejet.code,
            raison=rejet.raison,
            conseil=rejet.conseil,
        )


@strawberry.type(description="Ce qui mérite d'être vérifié dans un fichier.")
class Avertissement:
    ligne: int | None = strawberry.field(description="Ligne du fichier ; absente s'il s'agit du fichier entier.")
    eleve: str | None = strawberry.field(description="Élève concerné ; absent s'il s'agit du fichier entier.")
    champ: str = strawberry.field(description="Balise de SIECLE concernée.")
    code: CodeAvertissement = strawberry.field(description="Code stable, pour les programmes.")
    raison: str = strawberry.field(description="Ce qu'il faut vérifier.")

    @classmethod
    def of(cls, avertissement: compte_rendu.Avertissement) -> Self:
        return cls(
            ligne=avertissement.ligne,
            eleve=avertissement.eleve,
            champ=avertissement.champ,
            code=avertissement.code,
            raison=avertissement.raison,
        )


@strawberry.type(description="Combien d'élèves du fichier demandent la même chose à l'établissement.")
class TachesRapport:
    tache: Tache = strawberry.field(description="Ce qu'il faut faire.")
    nombre: int = strawberry.field(description="Pour combien d'élèves.")


@strawberry.type(description="Ce qu'un envoi a changé, et ce qui n'a pas été retenu.")
class RapportImport:
    lignes: int = strawberry.field(description="Lignes d'élèves de terminale lues.")
    acceptees: int = strawberry.field(description="Lignes retenues.")
    nouveaux: int = strawberry.field(description="Élèves ajoutés.")
    arrives: int = strawberry.field(description="Élèves venus d'un autre établissement.")
    modifies: int = strawberry.field(description="Élèves dont une donnée a changé.")
    inchanges: int = strawberry.field(description="Élèves dont rien n'a changé.")
    partis: int = strawberry.field(description="Élèves qui ne sont plus dans l'établissement.")
    rejetees: int = strawberry.field(description="Lignes non retenues.")
    ecartees: int = strawberry.field(description="Lignes d'élèves d'autres niveaux, laissées de côté.")
    deja_partis: int = strawberry.field(description="Lignes d'élèves partis avant le premier envoi.")
    rejets: list[LigneRejetee] = strawberry.field(description="Le détail des lignes non retenues, mille au plus.")
    avertissements: list[Avertissement] = strawberry.field(description="Ce qui mérite d'être vérifié, mille au plus.")
    taches: list[TachesRapport] = strawberry.field(description="Ce qui reste à faire pour des élèves du fichier.")

    @classmethod
    def of(cls, rapport: Rapport) -> Self:
        return cls(
            lignes=rapport.lignes,
            acceptees=rapport.acceptees,
            nouveaux=rapport.nouveaux,
            arrives=rapport.arrives,
            modifies=rapport.modifies,
            inchanges=rapport.inchanges,
            partis=rapport.partis,
            rejetees=rapport.rejetees,
            ecartees=rapport.ecartees,
            deja_partis=rapport.deja_partis,
            rejets=[LigneRejetee.of(rejet) for rejet in rapport.rejets],
            avertissements=[Avertissement.of(avertissement) for avertissement in rapport.avertissements],
            taches=[TachesRapport(tache=Tache.of(tache), nombre=n) for tache, n in sorted(rapport.taches.items())],
        )


@strawberry.type(name="ImportSiecle", description="Un envoi de fichiers SIECLE, du dépôt au compte rendu.")
class ImportSiecle:
    id: strawberry.ID = strawberry.field(description="Identifiant, à donner pour suivre l'envoi.")
    uai: strawberry.ID = strawberry.field(description="Le lycée.")
    session: int = strawberry.field(description="Année de la session.")
    etat: EtatImport = strawberry.field(description="Où il en est.")
    demande_le: datetime = strawberry.field(description="Quand il a été annoncé.")
    depose_le: datetime | None = strawberry.field(description="Quand le dernier fichier est arrivé ; absent avant.")
    en_retard: bool = strawberry.field(description="Vrai s'il est arrivé après l'échéance : accepté, et marqué.")
    traites: int = strawberry.field(description="Changements déjà appliqués.")
    total: int | None = strawberry.field(description="Changements à appliquer ; absent tant qu'ils ne sont pas connus.")
    rapport: RapportImport | None = strawberry.field(description="Le compte rendu ; absent avant la fin.")
    refus: Refus | None = strawberry.field(
        description="Pourquoi le fichier entier est refusé ; absent s'il ne l'est pas."
    )

    @classmethod
    def of(cls, held: imports.ImportSiecle) -> Self:
        travail = held.travail
        return cls(
            id=strawberry.ID(held.id),
            uai=strawberry.ID(held.uai),
            session=held.session,
            etat=held.etat,
            demande_le=held.demande_le,
            depose_le=held.depose_le,
            en_retard=held.en_retard,
            traites=0 if travail is None else travail.traites,
            total=None if travail is None else travail.total,
            rapport=None if held.rapport is None else RapportImport.of(held.rapport),
            refus=held.refus and Refus(code=held.refus[0], message=held.refus[1], champ="fichier"),
        )


@strawberry.type(description="Où envoyer un fichier annoncé.")
class FichierAttendu:
    nom: str = strawberry.field(description="Le fichier.")
    url: str = strawberry.field(
        description="Où l'envoyer par PUT, avec le jeton d'accès de qui l'a annoncé ; elle ne sert qu'une fois."
    )
    expire_le: datetime = strawberry.field(description="Jusqu'à quand.")

    @classmethod
    def of(cls, fichier: imports.Fichier, held: imports.ImportSiecle, *, url: str) -> Self:
        return cls(nom=fichier.nom, url=f"{url}/depots/{fichier.id}", expire_le=held.expire_le)


@strawberry.type(description="L'envoi annoncé.")
class DemanderDepotPayload:
    import_: ImportSiecle | None = strawberry.field(
        name="import", description="L'envoi, à suivre ; absent en cas de refus."
    )
    fichiers: list[FichierAttendu] = strawberry.field(description="Où envoyer chaque fichier, dans l'ordre annoncé.")
    refus: list[Refus] = strawberry.field(description="Ce qui empêche l'envoi ; vide s'il est possible.")
