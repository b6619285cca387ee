"""Types of formation, as the national offer names them (domaine.md §4 and §9)."""

from enum import StrEnum


class TypeFormation(StrEnum):
    """A type of formation; the value is the published code."""

    L = "L"
    LAS = "LAS"
    PASS = "PASS"  # noqa: S105 - the first year of health studies
    BUT = "BUT"
    BTS = "BTS"
    CPGE = "CPGE"
    INGENIEUR = "INGENIEUR"
    IFSI = "IFSI"
    EFTS = "EFTS"
    ECOLE_COMMERCE = "ECOLE_COMMERCE"
    AUTRE = "AUTRE"


L1_OU_PASS = frozenset({TypeFormation.L, TypeFormation.LAS, TypeFormation.PASS})
"""« vœu de L1 ou PASS »: a licence, LAS or PASS (document du lycée, II.1; domaine.md §6)."""
