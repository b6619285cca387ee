"""Every proportion the generator draws from, in one place: documented, or assumed (≈)."""

from socle.formations import TypeFormation

PART_DES_VOEUX = {
    # domaine.md §5.3, computed there from the 2025 offer (13,502,385 wishes), in percent.
    TypeFormation.L: 24.6,
    TypeFormation.BTS: 16.5,
    TypeFormation.IFSI: 10.7,
    TypeFormation.BUT: 9.9,
    TypeFormation.CPGE: 9.6,
    TypeFormation.PASS: 8.2,
    TypeFormation.INGENIEUR: 7.1,
    TypeFormation.LAS: 3.7,
    TypeFormation.ECOLE_COMMERCE: 2.9,
    TypeFormation.EFTS: 0.4,
    TypeFormation.AUTRE: 6.4,
}
PART_PUBLIQUE = 0.78  # ≈ host establishments of the public sector
NON_SELECTIVES = frozenset({TypeFormation.L, TypeFormation.LAS, TypeFormation.PASS})
CAPACITES = {
    # ≈ places, least and most, by type
    TypeFormation.L: (40, 700),
    TypeFormation.LAS: (20, 200),
    TypeFormation.PASS: (100, 1200),
    TypeFormation.BUT: (26, 120),
    TypeFormation.BTS: (12, 70),
    TypeFormation.CPGE: (24, 96),
    TypeFormation.INGENIEUR: (24, 300),
    TypeFormation.IFSI: (40, 200),
    TypeFormation.EFTS: (20, 60),
    TypeFormation.ECOLE_COMMERCE: (40, 500),
    TypeFormation.AUTRE: (10, 60),
}
PART_LYCEES_ACCUEIL = 0.57  # 2,117 of 3,697 lycées have formations (domaine.md §1 and §4)
