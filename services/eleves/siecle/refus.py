"""Why a SIECLE file as a whole is refused: then nothing changes (domaine.md §5.1)."""

from kit.errors import Refusal


class FichierRefuse(Refusal):
    """The file cannot be taken; the message says what is wrong with it and what to do."""

    code = "FICHIER_REFUSE"

    def __init__(self, message: str) -> None:
        super().__init__(message, champ="fichier")


class FichierVide(FichierRefuse):
    code = "FICHIER_VIDE"


class FichierTropVolumineux(FichierRefuse):
    code = "FICHIER_TROP_VOLUMINEUX"


class FormatInconnu(FichierRefuse):
    """Neither a zip archive nor an XML document."""

    code = "FORMAT_INCONNU"


class ArchiveIllisible(FichierRefuse):
    """A zip archive that is damaged, or compressed in a way we do not read."""

    code = "ARCHIVE_ILLISIBLE"


class ArchiveChiffree(FichierRefuse):
    code = "ARCHIVE_CHIFFREE"


class ArchiveImbriquee(FichierRefuse):
    """An archive within the archive."""

    code = "ARCHIVE_IMBRIQUEE"


class ArchiveInattendue(FichierRefuse):
    """Not exactly one XML document in the archive."""

    code = "ARCHIVE_INATTENDUE"


class CheminInterdit(FichierRefuse):
    """A name in the archive that leads out of it."""

    code = "CHEMIN_INTERDIT"


class BombeDeDecompression(FichierRefuse):
    code = "BOMBE_DE_DECOMPRESSION"


class EncodageErrone(FichierRefuse):
    """The document is not written in the encoding that it declares, or in one that SIECLE does not use."""

    code = "ENCODAGE_ERRONE"


class DoctypeInterdit(FichierRefuse):
    """The document declares a type or entities: no SIECLE export does, attacks do."""

    code = "DOCTYPE_INTERDIT"


class XmlMalForme(FichierRefuse):
    """The document is truncated or not well-formed."""

    code = "XML_MAL_FORME"


class DocumentInattendu(FichierRefuse):
    """XML, and not one of the exports that are read here."""

    code = "DOCUMENT_INATTENDU"


class VersionInconnue(FichierRefuse):
    code = "VERSION_INCONNUE"


class DocumentInutile(FichierRefuse):
    """An export of SIECLE that is of no use here, such as the parents'."""

    code = "DOCUMENT_INUTILE"


class DocumentEnDouble(FichierRefuse):
    """Two documents of one kind sent together."""

    code = "DOCUMENT_EN_DOUBLE"


class ElevesAbsents(FichierRefuse):
    """No document of students among those sent, or none in it."""

    code = "ELEVES_ABSENTS"


class ParametresErrones(FichierRefuse):
    """The heading that says whose file it is, and of when, is missing or wrong."""

    code = "PARAMETRES_ERRONES"


class AutreEtablissement(FichierRefuse):
    code = "AUTRE_ETABLISSEMENT"


class AutreAnnee(FichierRefuse):
    code = "AUTRE_ANNEE"
