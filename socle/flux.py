"""The flows between this platform and other systems, each a scope of its own (domaine.md §1, `SYSTEME`). Pure."""

from enum import StrEnum


class Flux(StrEnum):
    """What one machine may do, and nothing else: « OAuth 2.0 client credentials, one scope per flow »."""

    SIECLE = "siecle.pousser"
    """SIECLE pushes the students of an establishment (the web service of domaine.md §2, from February)."""
    CANDIDATS = "candidats.dossiers"
    """The candidates' site tells of files, wishes and answers."""
    CATALOGUE = "catalogue.offres"
    """The catalogue of apprenticeship tells of offers."""
