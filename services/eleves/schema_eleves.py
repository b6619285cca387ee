"""Students in the subgraph."""

from datetime import date
from typing import Self

import strawberry

from services.eleves import domain
from services.eleves.domain import Boursier, Sexe, TypeTache
from socle.series import Serie
from socle.specialites import SPECIALITES

strawberry.enum(Serie, description="Série ou voie de terminale.")
strawberry.enum(Sexe, description="Sexe, tel que SIECLE le donne.")
strawberry.enum(
    Boursier,
    description="Bourse nationale : aucune, certifiée par SIECLE, ou certifiée par le chef d'établissement.",
)
strawberry.enum(TypeTache, description="Ce que l'établissement doit faire pour un élève.")


@strawberry.type(description="Ce qu'il faut faire pour un élève, qui compte dans le vivier en attendant.")
class Tache:
    type: TypeTache = strawberry.field(description="De quoi il s'agit.")
    consigne: str = strawberry.field(description="Ce qui s'est passé et ce qu'il faut faire.")

    @classmethod
    def of(cls, tache: TypeTache) -> Self:
        return cls(type=tache, consigne=tache.consigne)


@strawberry.type(description="Un enseignement de spécialité.")
class Specialite:
    code: str = strawberry.field(description="Code national, de quatre caractères.")
    libelle: str | None = strawberry.field(description="Nom ; absent si le code n'est pas connu.")


@strawberry.type(description="Une classe de terminale.")
class Classe:
    code: str = strawberry.field(description="Code de la division dans SIECLE.")
    effectif: int = strawberry.field(description="Nombre d'élèves présents que l'on a le droit de voir.")


@strawberry.type(description="Un élève de terminale d'une session.")
class Eleve:
    id: strawberry.ID = strawberry.field(description="Identifiant opaque, précédé de la session.")
    nom: str = strawberry.field(description="Nom de famille.")
    nom_usage: str | None = strawberry.field(description="Nom d'usage ; absent s'il n'en a pas d'autre.")
    prenoms: list[str] = strawberry.field(description="Prénoms, dans l'ordre.")
    naissance: date = strawberry.field(description="Date de naissance.")
    sexe: Sexe | None = strawberry.field(description="Sexe ; absent si SIECLE ne le donne pas.")
    ine: str | None = strawberry.field(description="Identifiant national ; absent si SIECLE ne le donne pas.")
    serie: Serie = strawberry.field(description="Série ou voie.")
    classe: str | None = strawberry.field(description="Classe ; absente si SIECLE n'en donne pas.")
    specialites: list[Specialite] = strawberry.field(description="Enseignements de spécialité (voie générale).")
    boursier: Boursier = strawberry.field(description="S'il est boursier, et qui l'a certifié.")
    courriel: str | None = strawberry.field(description="Adresse électronique ; absente : voir la tâche.")
    tache: Tache | None = strawberry.field(description="Ce qu'il faut faire pour lui ; absente si rien.")
    parti_le: date | None = strawberry.field(description="Jour de son départ ; absent s'il est présent.")
    vivier_initial: bool = strawberry.field(description="Vrai s'il compte dans le vivier initial.")

    @classmethod
    def of(cls, eleve: domain.Eleve) -> Self:
        siecle = eleve.siecle
        return cls(
            id=strawberry.ID(eleve.id),
            nom=siecle.nom,
            nom_usage=siecle.nom_usage,
            prenoms=list(siecle.prenoms),
            naissance=siecle.naissance,
            sexe=siecle.sexe,
            ine=siecle.ine_rnie or siecle.ine_bea,
            serie=siecle.serie,
            classe=siecle.classe,
            specialites=[Specialite(code=code, libelle=SPECIALITES.get(code)) for code in siecle.specialites],
            boursier=eleve.boursier,
            courriel=eleve.courriel.adresse,
            tache=None if eleve.courriel.tache is None else Tache.of(eleve.courriel.tache),
            parti_le=eleve.parti_le,
            vivier_initial=eleve.vivier_initial,
        )
