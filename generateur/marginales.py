"""Every proportion that the generator draws from, in one place: documented, or assumed (≈)."""

from socle.formations import TypeFormation
from socle.series import Serie

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
PART_DES_FORMATIONS = {
    # Of the 14,252 formations of the 2025 offer (domaine.md §9), in percent.
    TypeFormation.L: 21.4,
    TypeFormation.BTS: 37.5,
    TypeFormation.IFSI: 2.4,
    TypeFormation.BUT: 5.8,
    TypeFormation.CPGE: 6.9,
    TypeFormation.PASS: 2.0,
    TypeFormation.INGENIEUR: 4.1,
    TypeFormation.LAS: 3.6,
    TypeFormation.ECOLE_COMMERCE: 1.8,
    TypeFormation.EFTS: 1.7,
    TypeFormation.AUTRE: 12.7,
}
PART_EGALE = 0.5
"""≈ of an offer, spread evenly over the types: in a small one too, candidates find enough of each to wish for."""
TYPES_DES_LYCEES = (TypeFormation.BTS, TypeFormation.CPGE, TypeFormation.AUTRE)  # ≈ those that lycées offer
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
VOEUX_PAR_PLACE = (2.4, 0.9)  # ≈ log-normal; the 2025 offer file has 947 wishes and 54 places a formation
PART_REMPLIE = (0.5, 1.0)  # ≈ share of the places taken, least and most
LATITUDES, LONGITUDES = (48, 49), (2, 3)  # ≈ somewhere around Paris, in degrees
POURCENTAGES_PASSES = {
    # ≈ least and most of what the file tells of the session before
    "pct_bours_candidats": (5, 40),
    "pct_bours_admis": (5, 45),
    "taux_acces_ens": (5, 100),
    "pct_f": (0, 100),
    "pct_aca_orig_idf": (30, 100),
}
PART_LYCEES_ACCUEIL = 0.57  # 2,117 of 3,697 lycées have formations (domaine.md §1 and §4)

# --- students of terminale

PART_DES_SERIES = {
    # Terminales of the public enrolment statistics, rentrée 2021 (domaine.md §9), in thousands; what is left of the
    # 648,000 of domaine.md §5.3 is professional, but for STAV and S2TMD (≈), which those statistics leave out.
    Serie.GENERALE: 373.3,
    Serie.STMG: 76.9,
    Serie.STI2D: 28.0,
    Serie.ST2S: 21.9,
    Serie.STL: 6.9,
    Serie.STD2A: 3.7,
    Serie.STHR: 2.3,
    Serie.STAV: 6.0,
    Serie.S2TMD: 0.4,
    Serie.PRO: 128.6,
}
PART_FEMININE = {
    # The same statistics, by série; ≈ for STAV, STHR, S2TMD and PRO.
    Serie.GENERALE: 0.562,
    Serie.STMG: 0.525,
    Serie.STI2D: 0.084,
    Serie.ST2S: 0.848,
    Serie.STL: 0.566,
    Serie.STD2A: 0.778,
    Serie.STHR: 0.50,
    Serie.STAV: 0.52,
    Serie.S2TMD: 0.55,
    Serie.PRO: 0.42,
}
TERMINALES_MEDIANE = 192  # domaine.md §5.3, by lycée
ELEVES_PAR_CLASSE = 34  # ≈ the most in a class of terminale
PART_BOURSIERE = 0.22  # ≈ the mean share among candidates in the 2025 offer file is 21 %
PART_DOUBLANTE = 0.03  # ≈
PART_APPRENTIE_PRO = 0.05  # ≈ of the professional série
PART_AVEC_INE_BEA = 0.30  # ≈
PART_FEMININE_AUTRES_NIVEAUX = 0.5  # ≈
PART_AVEC_NOM_USAGE = 0.02  # ≈
NOMBRES_DE_PRENOMS = (1, 1, 2, 3)  # ≈ drawn evenly
PART_OPTION_FACULTATIVE = 0.2  # ≈
REGIMES = ("0", "2", "3", "24")  # ≈ SIECLE's codes of the common ones, drawn evenly
BOURSES = "1367"  # SIECLE's codes of the national scholarships (domaine.md §5.1), drawn evenly but for code 8
PART_SANS_COURRIEL = 0.02  # ≈
PART_COURRIEL_INVALIDE = 0.005  # ≈
PART_COURRIEL_PARTAGE = 0.006  # ≈ siblings with one address (domaine.md §5.1)

# --- candidates

CANDIDATS, TERMINALES, VOEUX = 980_117, 648_000, 13_502_385  # domaine.md §5.3
PART_HORS_LYCEE = 1 - TERMINALES / CANDIDATS
"""« A third of candidates are in no lycée » (architecture §4)."""
VOEUX_PAR_CANDIDAT = VOEUX / CANDIDATS
PROPOSITIONS, PROPOSITIONS_PREMIER_JOUR = 4_200_000, 2_700_000  # domaine.md §5.3
PROPOSITIONS_PAR_CANDIDAT = PROPOSITIONS / CANDIDATS
PART_INSCRITE = {
    # ≈ registered among students of terminale
    Serie.GENERALE: 0.98,
    Serie.PRO: 0.74,
}
PART_INSCRITE_TECHNO = 0.95  # ≈
PART_SANS_VOEU = 0.04  # ≈ registered without any wish
PART_UNE_SEULE_FILIERE = 0.18  # ≈ candidates all of whose wishes are of one kind, such as L1 or PASS only
FILIERES_EN_TETE = (2, 3)  # ≈ kinds of formation that the others have in mind
PART_NON_CONFIRMEE = 0.06  # ≈ wishes
PART_SANS_PROPOSITION = 0.06  # ≈ candidates
PART_ACCEPTANTE = 0.85  # ≈ of those with a proposal
PART_DEMISSIONNAIRE = 0.04  # ≈ candidates who leave the procedure during the admission
PART_REFUSEE = 0.25  # ≈ of the wishes without a proposal in a selective formation
PART_CORDEES = 0.05  # ≈
RANGS_PAR_PLACE = 4  # ≈ how far waiting lists go
JOURS_AVANT_PROPOSITION = 10  # ≈ mean of those that do not come on the first day
JOURS_DE_REPONSE = 2  # ≈
