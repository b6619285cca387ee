"""Why a file as a whole cannot be read; nobody is invited then."""

from kit.errors import Refusal


class FichierRefuse(Refusal):
    """The file as a whole cannot be taken."""

    code = "FICHIER_REFUSE"

    def __init__(self, message: str) -> None:
        super().__init__(message, champ="fichier")


class FormatInconnu(FichierRefuse):
    """Neither .xlsx, nor .ods, nor .csv."""

    code = "FORMAT_INCONNU"

    def __init__(self) -> None:
        super().__init__(
            "Ce fichier n'est ni un classeur .xlsx ou .ods sans mot de passe, ni un fichier .csv : enregistrez-le sous "
            "une de ces formes."
        )


class FichierIllisible(FichierRefuse):
    """It is damaged, or not what it says that it is."""

    code = "FICHIER_ILLISIBLE"

    def __init__(self) -> None:
        super().__init__("Ce fichier est endommagé ou illisible : enregistrez-le de nouveau depuis votre tableur.")


class FichierTropGrand(FichierRefuse):
    """More comes out of it than any list has."""

    code = "FICHIER_TROP_GRAND"

    def __init__(self) -> None:
        super().__init__(
            "Ce fichier contient bien plus qu'une liste de personnes : gardez-en les seules colonnes du modèle, sans "
            "image ni mise en forme, puis renvoyez-le."
        )


class TropDeLignes(FichierRefuse):
    """More rows than a file may have."""

    code = "TROP_DE_LIGNES"

    def __init__(self, most: int) -> None:
        super().__init__(f"Ce fichier a plus de {most} lignes : envoyez-le en plusieurs fois.")
