"""Lists of persons to invite, as schools and académies keep them in a spreadsheet: its columns, and its rows. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kit.errors import Refusal
from services.identity.domain.comptes import plain
from services.identity.domain.invitations import Invitation
from services.identity.domain.profils import Profil
from socle.academies import ACADEMIES
from socle.principal import RoleTenu
from socle.rubriques import Role


class Colonne(StrEnum):
    """A column of a list."""

    COURRIEL = "courriel"
    NOM = "nom"
    PRENOM = "prenom"
    ROLE = "role"
    UAI = "uai"
    ACADEMIE = "academie"
    REGION = "regionAcademique"
    CLASSES = "classes"
    GROUPES = "groupes"
    PROFIL = "profil"
    FORMATION = "formation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Titre:
    """How a column is headed in the model, what goes into it, and how else people head it."""

    titre: str
    contenu: str
    obligatoire: bool = False
    aussi: tuple[str, ...] = ()


TITRES = {
    Colonne.COURRIEL: Titre(
        titre="Courriel",
        contenu="L'adresse électronique nominative de la personne.",
        obligatoire=True,
        aussi=("adresse électronique", "adresse mail", "e-mail", "mail", "mél"),
    ),
    Colonne.NOM: Titre(titre="Nom", contenu="Son nom.", obligatoire=True, aussi=("nom de famille",)),
    Colonne.PRENOM: Titre(titre="Prénom", contenu="Son prénom.", obligatoire=True),
    Colonne.ROLE: Titre(
        titre="Rôle", contenu="Son rôle, par son nom ou par son code.", obligatoire=True, aussi=("fonction",)
    ),
    Colonne.UAI: Titre(
        titre="UAI",
        contenu="Le numéro UAI de l'établissement, pour un rôle d'établissement.",
        aussi=("numéro UAI", "code UAI", "RNE", "établissement"),
    ),
    Colonne.ACADEMIE: Titre(titre="Académie", contenu="Le nom de l'académie, pour un rôle d'académie."),
    Colonne.REGION: Titre(
        titre="Région académique",
        contenu="Le nom ou le code de la région académique, pour un administrateur de toute une région.",
        aussi=("région",),
    ),
    Colonne.CLASSES: Titre(
        titre="Classes", contenu="Les classes suivies, séparées par des virgules.", aussi=("classe", "divisions")
    ),
    Colonne.GROUPES: Titre(
        titre="Groupes", contenu="Les groupes d'élèves suivis, séparés par des virgules.", aussi=("groupe",)
    ),
    Colonne.PROFIL: Titre(titre="Profil", contenu="Un ensemble de droits prêt à donner, par son nom ou par son code."),
    Colonne.FORMATION: Titre(
        titre="Formation", contenu="L'identifiant de la formation (session/code), pour un profil qui en demande une."
    ),
}
"""The model: « one, or many from a spreadsheet » (issue 4). The columns are ≈ ours."""

ROLES = {
    Role.ADMIN_ACADEMIQUE: "Administrateur académique",
    Role.CAES: "Membre de la CAES",
    Role.CHEF_ETABLISSEMENT: "Chef d'établissement",
    Role.ADJOINT: "Adjoint",
    Role.ADMIN_ETABLISSEMENT: "Administrateur d'établissement",
    Role.GESTIONNAIRE: "Gestionnaire",
    Role.PROFESSEUR_PRINCIPAL: "Professeur principal",
    Role.REFERENT: "Référent",
    Role.PSY_EN: "Psy-EN",
    Role.DIRECTEUR_CIO: "Directeur de CIO",
}
"""The roles that somebody may be invited as: nobody invites a national administrator, and a machine is no person."""

PROFILS = {
    Profil.SECRETARIAT: "Secrétariat",
    Profil.DIRECTION: "Équipe de direction",
    Profil.PROFESSEUR_PRINCIPAL: "Professeur principal",
    Profil.RESPONSABLE_FORMATION: "Responsable de formation",
    Profil.COMMISSION_EXAMEN: "Commission d'examen des vœux",
}

_LETTRES = str.maketrans({"œ": "oe", "æ": "ae"})


def _key(text: str) -> str:
    """What people write, whatever the case, the accents and what stands between the words."""
    return re.sub(r"[\W_]+", "", plain(text).translate(_LETTRES))


def _known[T](said: Mapping[T, Sequence[str]]) -> dict[str, T]:
    return {_key(text): thing for thing, texts in said.items() for text in texts}


_COLONNES = _known({colonne: (colonne, t.titre, *t.aussi) for colonne, t in TITRES.items()})
_ROLES = _known({role: (role, nom) for role, nom in ROLES.items()})
_PROFILS = _known({profil: (profil, nom) for profil, nom in PROFILS.items()})
_ACADEMIES = _known({academie.slug: (academie.slug, academie.nom) for academie in ACADEMIES})
_REGIONS = _known(
    {a.region_academique: (a.region_academique, a.nom_region_academique) for a in ACADEMIES if a.region_academique}
)
_LONGUEUR = 254
"""Characters of a value: the longest is an address (RFC 5321). Of lists of classes, twenty times that."""


class ColonnesRefusees(Refusal):
    """The first row does not head the columns of a list."""

    code = "COLONNES_REFUSEES"

    def __init__(self, message: str) -> None:
        super().__init__(message, champ="fichier")


class ListeVide(Refusal):
    """There is nobody in it."""

    code = "LISTE_VIDE"

    def __init__(self) -> None:
        super().__init__("Ce fichier ne contient personne sous sa ligne de titres : complétez-le.", champ="fichier")


class ValeurInconnue(Refusal):
    """A value that stands for nothing."""

    code = "VALEUR_INCONNUE"


class ValeurTropLongue(Refusal):
    """A value that is longer than any may be."""

    code = "VALEUR_TROP_LONGUE"


@dataclass(frozen=True, slots=True)
class LigneListe:
    """A person of a list: the number of its row, as the spreadsheet shows it, and what it says by column."""

    numero: int
    valeurs: Mapping[Colonne, str]


def read_list(rangees: Sequence[tuple[int, Sequence[str]]]) -> Sequence[LigneListe]:
    """The persons of a list, whose first row heads its columns, in whatever order.

    Raises:
        ColonnesRefusees: a column is unknown, there twice, missing, or has no heading.
        ListeVide: there is nobody.
    """
    if not rangees:
        raise ListeVide
    colonnes = _headings(rangees[0][1])
    lignes = [LigneListe(numero, _values(colonnes, cells)) for numero, cells in rangees[1:]]
    if not lignes:
        raise ListeVide
    return lignes


def _headings(titres: Sequence[str]) -> Sequence[Colonne | None]:
    colonnes: list[Colonne | None] = []
    for rank, titre in enumerate(titres, 1):
        colonne = _COLONNES.get(_key(titre[:_LONGUEUR])) if titre else None
        if titre and colonne is None:
            raise ColonnesRefusees(
                f"La colonne n° {rank} n'est pas du modèle : retirez-la, ou donnez-lui un titre du modèle."
            )
        if colonne is not None and colonne in colonnes:
            raise ColonnesRefusees(f"La colonne « {TITRES[colonne].titre} » est là deux fois : gardez-en une.")
        colonnes.append(colonne)
    missing = [t.titre for colonne, t in TITRES.items() if t.obligatoire and colonne not in colonnes]
    if missing:
        raise ColonnesRefusees(f"Il manque les colonnes : {', '.join(missing)}. Ajoutez-les d'après le modèle.")
    return colonnes


def _values(colonnes: Sequence[Colonne | None], cells: Sequence[str]) -> Mapping[Colonne, str]:
    valeurs: dict[Colonne, str] = {}
    for rank, cell in enumerate(cells):
        colonne = colonnes[rank] if rank < len(colonnes) else None
        if not cell:
            continue
        if colonne is None:
            raise ColonnesRefusees(
                f"La colonne n° {rank + 1} n'a pas de titre : donnez-lui un titre du modèle, ou videz-la."
            )
        valeurs[colonne] = cell
    return valeurs


def parse_row(valeurs: Mapping[Colonne, str]) -> Invitation:
    """Whom a row invites.

    Raises:
        ValeurInconnue: its role, its académie, its région or its profile is none.
        ValeurTropLongue: a value is.
    """
    for colonne, valeur in valeurs.items():
        most = _LONGUEUR * (20 if colonne in (Colonne.CLASSES, Colonne.GROUPES) else 1)
        if len(valeur) > most:
            raise ValeurTropLongue(
                f"La colonne « {TITRES[colonne].titre} » compte plus de {most} caractères : corrigez-la.",
                champ=colonne,
            )
    role = _one_of(_ROLES, valeurs, Colonne.ROLE)
    if role is None:
        raise _unknown(Colonne.ROLE)
    uai = valeurs.get(Colonne.UAI)
    return Invitation(
        courriel=valeurs.get(Colonne.COURRIEL, ""),
        nom=valeurs.get(Colonne.NOM, ""),
        prenom=valeurs.get(Colonne.PRENOM, ""),
        role=RoleTenu(
            role=role,
            uai=None if uai is None else uai.upper(),
            academie=_one_of(_ACADEMIES, valeurs, Colonne.ACADEMIE),
            region_academique=_one_of(_REGIONS, valeurs, Colonne.REGION),
            classes=_several(valeurs.get(Colonne.CLASSES, "")),
            groupes=_several(valeurs.get(Colonne.GROUPES, "")),
        ),
        profil=_one_of(_PROFILS, valeurs, Colonne.PROFIL),
        formation=valeurs.get(Colonne.FORMATION),
    )


def _one_of[T](known: Mapping[str, T], valeurs: Mapping[Colonne, str], colonne: Colonne) -> T | None:
    said = valeurs.get(colonne)
    if said is None:
        return None
    found = known.get(_key(said))
    if found is None:
        raise _unknown(colonne)
    return found


def _unknown(colonne: Colonne) -> ValeurInconnue:
    return ValeurInconnue(
        f"La colonne « {TITRES[colonne].titre} » ne contient pas une valeur du modèle : corrigez-la.", champ=colonne
    )


def _several(text: str) -> frozenset[str]:
    return frozenset(name for part in re.split(r"[,;\n]", text) if (name := " ".join(part.split())))
