"""Roles, rubrics and levels, as the site de gestion names them (domaine.md §1 and §3)."""

from enum import IntEnum, StrEnum


class Role(StrEnum):
    """Who uses the platform (domaine.md §1)."""

    ADMIN_NATIONAL = "ADMIN_NATIONAL"
    ADMIN_ACADEMIQUE = "ADMIN_ACADEMIQUE"
    CAES = "CAES"
    CHEF_ETABLISSEMENT = "CHEF_ETABLISSEMENT"
    ADJOINT = "ADJOINT"
    ADMIN_ETABLISSEMENT = "ADMIN_ETABLISSEMENT"
    GESTIONNAIRE = "GESTIONNAIRE"
    PROFESSEUR_PRINCIPAL = "PROFESSEUR_PRINCIPAL"
    REFERENT = "REFERENT"
    PSY_EN = "PSY_EN"
    DIRECTEUR_CIO = "DIRECTEUR_CIO"
    SYSTEME = "SYSTEME"


class Rubrique(StrEnum):
    """The parts of the site that rights are given on (domaine.md §3)."""

    ETABLISSEMENT = "ETABLISSEMENT"
    PARAMETRAGE_FORMATIONS = "PARAMETRAGE_FORMATIONS"
    CAPACITES = "CAPACITES"
    CANDIDATURES = "CANDIDATURES"
    CLASSEMENTS = "CLASSEMENTS"
    ELEVES = "ELEVES"
    SIECLE = "SIECLE"
    NOTES = "NOTES"
    FICHE_AVENIR = "FICHE_AVENIR"
    PILOTAGE = "PILOTAGE"
    RAPPORTS = "RAPPORTS"
    UTILISATEURS = "UTILISATEURS"
    ARCHIVES = "ARCHIVES"


class Niveau(IntEnum):
    """How far a right goes; each level includes those below it."""

    LECTURE = 1
    ECRITURE = 2
    SIGNATURE = 3
