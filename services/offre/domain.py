"""The offer: establishments, with their two sides, and formations (domaine.md §1 and §4). Pure."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from kit.versions import NEW, Version
from socle.formations import TypeFormation


class Secteur(StrEnum):
    PUBLIC = "PUBLIC"
    PRIVE = "PRIVE"


@dataclass(frozen=True, slots=True)
class Position:
    """WGS 84, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Origine:
    """The side of a lycée: it has terminale students. Source: the national directory."""

    nom: str
    academie: str
    commune: str | None
    secteur: Secteur | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accueil:
    """The side that offers formations. Source: the national offer."""

    nom: str
    academie: str
    secteur: Secteur | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Etablissement:
    """A UAI: an establishment of origin, a host, or both; each side keeps what its own source says of it.

    Two files that differ on a name therefore do not overwrite each other in turn, each time they are loaded.
    """

    uai: str
    origine: Origine | None = None
    accueil: Accueil | None = None
    version: Version = NEW

    @property
    def id(self) -> str:
        return self.uai

    @property
    def nom(self) -> str:
        return self._known.nom

    @property
    def academie(self) -> str:
        """The slug of its académie; the directory, which is about establishments, is believed before the offer."""
        return self._known.academie

    @property
    def secteur(self) -> Secteur | None:
        """What one side does not say, the other may."""
        sides = (self.origine, self.accueil)
        return next((side.secteur for side in sides if side and side.secteur), None)

    @property
    def _known(self) -> Origine | Accueil:
        known = self.origine or self.accueil
        assert known is not None, "an establishment has at least one side"  # noqa: S101
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Formation:
    """A formation of one session; `id` is `session/code`.

    Args:
        selective: whether the law lets the establishment refuse candidates that it has places for.
        capacite: places offered.
    """

    session: int
    code: str
    uai: str
    academie: str
    libelle: str
    type: TypeFormation
    selective: bool
    capacite: int
    position: Position | None
    apprentissage: bool = False
    version: Version = NEW

    @property
    def id(self) -> str:
        return f"{self.session}/{self.code}"


def derived_code(uai: str, libelle: str, filiere: str, position: str, rank: int) -> str:
    """The code of a formation whose row has no official one (domaine.md §4).

    The file has no natural key: `rank` tells rows apart that are equal in all four, ordered by their other columns.
    """
    text = "\x1f".join((uai, libelle, filiere, position, str(rank)))
    return "h" + hashlib.sha256(text.encode()).hexdigest()[:15]
