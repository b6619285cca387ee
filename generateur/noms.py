"""Words to make names of. All invented: no person, establishment or street is meant."""

NOMS_DE_LYCEES = (
    "des Tilleuls", "du Vieux-Moulin", "de la Source", "des Trois-Ponts", "du Grand-Pré", "de l'Horizon",
    "des Alizés", "du Belvédère", "de la Clairière", "des Cerisiers", "du Port-Neuf", "de la Lanterne",
    "des Acacias", "du Val-Fleuri", "de la Passerelle", "des Quatre-Vents", "du Colombier", "de la Rotonde",
)  # fmt: skip
COMMUNES = (
    "Villeclaire", "Sablonnières-le-Haut", "Fontbrune", "Marnay-les-Prés", "Rochevigne", "Bourg-l'Étang",
    "Aubrac-sur-Lys", "Montcerf", "Valdorée", "Pierrefontaine",
)  # fmt: skip
SPECIALITES = (
    "Comptabilité et gestion", "Informatique", "Biologie", "Droit", "Histoire", "Mathématiques", "Chimie",
    "Commerce international", "Génie civil", "Lettres", "Psychologie", "Économie", "Électrotechnique", "Tourisme",
)  # fmt: skip
