"""Words to make names of. All invented or common words: no person, establishment or street is meant."""

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
DEBUTS_DE_NOMS = (
    "Aub", "Bel", "Bœuv", "Cad", "Chan", "Dor", "Éper", "Fab", "Gav", "Haut", "Ivr", "Jouv", "Ker", "Lam", "Mar",
    "Nog", "Orl", "Pér", "Quén", "Rav", "Sauv", "Tal", "Ul", "Valm", "Yv", "Zam", "D'Arv", "Le Bréh", "Ben Sal",
    "N'Dol",
)  # fmt: skip
FINS_DE_NOMS = (
    "ard", "avel", "aye", "eçon", "elet", "erin", "eux", "ibert", "ien", "igne", "ilhac", "iot", "oche", "olin", "ommé",
    "onnet", "ougle", "ourd", "uche", "uzac", "ÿs", "-Vilard",
)  # fmt: skip
PRENOMS_FEMININS = (
    "Aéline", "Bérylle", "Cléo", "Doriane", "Élowen", "Fanélie", "Garance", "Héloïne", "Isaure", "Jade", "Kelya",
    "Lilwenn", "Maëlou", "Naïs", "Océane", "Perle", "Rosée", "Solveig", "Thaïa", "Violine", "Wendie", "Ysé", "Zoélie",
)  # fmt: skip
PRENOMS_MASCULINS = (
    "Aloïs", "Brénéol", "Célio", "Doryan", "Éliott", "Floréal", "Gaël", "Hyacin", "Ilan", "Joachin", "Kilian", "Loïck",
    "Maëron", "Noélan", "Orphé", "Priam", "Rafaël", "Sylvère", "Théodor", "Ulysse", "Valère", "Xavien", "Yanis",
)  # fmt: skip
