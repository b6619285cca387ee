"""The specialities of the voie générale, by the first four characters of their subject code (BCN; domaine.md §8)."""

SPECIALITES = {
    "0105": "Humanités, littérature et philosophie",
    "0241": "Littérature, langues et cultures de l'Antiquité : latin",
    "0242": "Littérature, langues et cultures de l'Antiquité : grec",
    "0300": "Langues, littératures et cultures étrangères et régionales",
    "0439": "Histoire-géographie, géopolitique et sciences politiques",
    "0507": "Sciences économiques et sociales",
    "0613": "Mathématiques",
    "0623": "Physique-chimie",
    "0629": "Sciences de la vie et de la Terre",
    "0673": "Sciences de l'ingénieur",
    "0747": "Numérique et sciences informatiques",
    "0825": "Arts : danse",
    "0832": "Arts : musique",
    "0901": "Arts plastiques",
    "1087": "Éducation physique, pratiques et culture sportives",
    "2757": "Histoire des arts",
    "2785": "Théâtre",
    "2786": "Arts du cirque",
    "2852": "Cinéma-audiovisuel",
    "3045": "Biologie-écologie",
}


def find_specialite(matiere: str) -> str | None:
    """The speciality code of a subject of six characters; None when it is none."""
    code = matiere[:4]
    return code if code in SPECIALITES else None
