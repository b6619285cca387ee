"""The académies, with their région académique, départements and mail domain. Facts, as the ministry publishes them."""

import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Academie:
    """An académie.

    Args:
        slug: its stable short name, used in topics and identifiers.
        region_academique: the code of its région académique.
    """

    slug: str
    code: str
    nom: str
    region_academique: str
    nom_region_academique: str
    departements: tuple[str, ...]
    domaine_courriel: str | None


ACADEMIES = (
    Academie("paris", "01", "Paris", "10", "Île-de-France", ("75",), "ac-paris.fr"),
    Academie(
        "aix-marseille",
        "02",
        "Aix-Marseille",
        "18",
        "Provence-Alpes-Côte d'Azur",
        ("04", "05", "13", "84"),
        "ac-aix-marseille.fr",
    ),
    Academie("besancon", "03", "Besançon", "02", "Bourgogne-Franche-Comté", ("25", "39", "70", "90"), "ac-besancon.fr"),
    Academie(
        "bordeaux", "04", "Bordeaux", "15", "Nouvelle-Aquitaine", ("24", "33", "40", "47", "64"), "ac-bordeaux.fr"
    ),
    Academie(
        "clermont-ferrand",
        "06",
        "Clermont-Ferrand",
        "01",
        "Auvergne-Rhône-Alpes",
        ("03", "15", "43", "63"),
        "ac-clermont.fr",
    ),
    Academie("dijon", "07", "Dijon", "02", "Bourgogne-Franche-Comté", ("21", "58", "71", "89"), "ac-dijon.fr"),
    Academie(
        "grenoble", "08", "Grenoble", "01", "Auvergne-Rhône-Alpes", ("07", "26", "38", "73", "74"), "ac-grenoble.fr"
    ),
    Academie("lille", "09", "Lille", "09", "Hauts-de-France", ("59", "62"), "ac-lille.fr"),
    Academie("lyon", "10", "Lyon", "01", "Auvergne-Rhône-Alpes", ("01", "42", "69"), "ac-lyon.fr"),
    Academie(
        "montpellier", "11", "Montpellier", "16", "Occitanie", ("11", "30", "34", "48", "66"), "ac-montpellier.fr"
    ),
    Academie("nancy-metz", "12", "Nancy-Metz", "06", "Grand Est", ("54", "55", "57", "88"), "ac-nancy-metz.fr"),
    Academie("poitiers", "13", "Poitiers", "15", "Nouvelle-Aquitaine", ("16", "17", "79", "86"), "ac-poitiers.fr"),
    Academie("rennes", "14", "Rennes", "03", "Bretagne", ("22", "29", "35", "56"), "ac-rennes.fr"),
    Academie("strasbourg", "15", "Strasbourg", "06", "Grand Est", ("67", "68"), "ac-strasbourg.fr"),
    Academie(
        "toulouse",
        "16",
        "Toulouse",
        "16",
        "Occitanie",
        ("09", "12", "31", "32", "46", "65", "81", "82"),
        "ac-toulouse.fr",
    ),
    Academie("nantes", "17", "Nantes", "17", "Pays de la Loire", ("44", "49", "53", "72", "85"), "ac-nantes.fr"),
    Academie(
        "orleans-tours",
        "18",
        "Orléans-Tours",
        "04",
        "Centre-Val de Loire",
        ("18", "28", "36", "37", "41", "45"),
        "ac-orleans-tours.fr",
    ),
    Academie("reims", "19", "Reims", "06", "Grand Est", ("08", "10", "51", "52"), "ac-reims.fr"),
    Academie("amiens", "20", "Amiens", "09", "Hauts-de-France", ("02", "60", "80"), "ac-amiens.fr"),
    Academie("limoges", "22", "Limoges", "15", "Nouvelle-Aquitaine", ("19", "23", "87"), "ac-limoges.fr"),
    Academie("nice", "23", "Nice", "18", "Provence-Alpes-Côte d'Azur", ("06", "83"), "ac-nice.fr"),
    Academie("creteil", "24", "Créteil", "10", "Île-de-France", ("77", "93", "94"), "ac-creteil.fr"),
    Academie("versailles", "25", "Versailles", "10", "Île-de-France", ("78", "91", "92", "95"), "ac-versailles.fr"),
    Academie("corse", "27", "Corse", "05", "Corse", ("2A", "2B", "200", "201", "202", "206"), "ac-corse.fr"),
    Academie("la-reunion", "28", "La Réunion", "11", "La Réunion", ("974",), "ac-reunion.fr"),
    Academie("martinique", "31", "Martinique", "12", "Martinique", ("972",), "ac-martinique.fr"),
    Academie("guadeloupe", "32", "Guadeloupe", "07", "Guadeloupe", ("971", "977", "978"), "ac-guadeloupe.fr"),
    Academie("guyane", "33", "Guyane", "08", "Guyane", ("973",), "ac-guyane.fr"),
    Academie("nouvelle-caledonie", "40", "Nouvelle-Calédonie", "00", "Collectivités d'outre-mer", (), None),
    Academie("polynesie-francaise", "41", "Polynésie Française", "00", "Collectivités d'outre-mer", (), None),
    Academie("wallis-et-futuna", "42", "Wallis et Futuna", "00", "Collectivités d'outre-mer", (), None),
    Academie("mayotte", "43", "Mayotte", "13", "Mayotte", ("976",), "ac-mayotte.fr"),
    Academie("saint-pierre-et-miquelon", "44", "Saint-Pierre-et-Miquelon", "00", "Collectivités d'outre-mer", (), None),
    Academie(
        "normandie", "70", "Normandie", "14", "Normandie", ("14", "50", "61", "975", "27", "76"), "ac-normandie.fr"
    ),
    Academie("saint-barthelemy", "77", "Saint-Barthélemy", "00", "Collectivités d'outre-mer", (), None),
    Academie("saint-martin", "78", "Saint-Martin", "00", "Collectivités d'outre-mer", (), None),
    # Host establishments abroad: the offer names them so; it is no académie of the ministry (domaine.md §4).
    Academie("etranger", "", "Étranger", "", "", (), None),
)

_BY_SLUG = {academie.slug: academie for academie in ACADEMIES}

_FORMER = {"caen": "normandie", "rouen": "normandie"}
"""Académies that were merged: the statistics of earlier years still name them."""


_DEPARTEMENTS_UAI = {"2A": "620", "2B": "720"}
_OUTRE_MER = {"983": "nouvelle-caledonie", "984": "polynesie-francaise"}
_SHARED = frozenset({"975", "977", "978", "200", "201", "202", "206"})
"""Départements that the ministry attaches to an académie while their place has its own, or that no UAI begins with."""


def uai_prefixes(academie: Academie) -> tuple[str, ...]:
    """The three digits with which the UAI of its establishments begin, one for each département that has some."""
    departements = (d for d in academie.departements if d not in _SHARED)
    beyond = (prefix for prefix, slug in _OUTRE_MER.items() if slug == academie.slug)
    return (*(_DEPARTEMENTS_UAI.get(d, d.zfill(3)) for d in departements), *beyond)


_BY_UAI_PREFIX = {prefix: academie.slug for academie in ACADEMIES for prefix in uai_prefixes(academie)}


def _slug(name: str) -> str:
    letters = unicodedata.normalize("NFD", name).encode("ascii", "ignore").decode().lower()
    return "-".join("".join(c if c.isalpha() else " " for c in letters).split())


def find_academie(name: str) -> Academie | None:
    """The académie of that name, whatever its accents, case and hyphens; None when there is none.

    A former académie gives the one it was merged into.
    """
    slug = _slug(name)
    return _BY_SLUG.get(_FORMER.get(slug, slug))


def academie_by_slug(slug: str) -> Academie:
    """The académie of that slug.

    Raises:
        KeyError: there is none; slugs are only ever made by `find_academie`.
    """
    return _BY_SLUG[slug]


def academies_of_region(code: str) -> frozenset[str]:
    """The slugs of the académies of a région académique."""
    return frozenset(a.slug for a in ACADEMIES if a.region_academique == code)


def academie_of_uai(uai: str) -> Academie | None:
    """The académie of an establishment of origin, by the département that its UAI begins with; None when it tells none.

    True of each of the 3,697 published lycées. Not to be used for hosts: some belong to the neighbouring académie.
    """
    slug = _BY_UAI_PREFIX.get(uai[:3])
    return None if slug is None else _BY_SLUG[slug]
