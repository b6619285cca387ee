"""Whose students a read may return: made by the policy, taken by every read of the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from socle.principal import Lieu


@dataclass(frozen=True, slots=True, kw_only=True)
class Portee:
    """Whose students someone may see: all of these lycées, all of these académies, these classes of these lycées."""

    uais: frozenset[str] = frozenset()
    academies: frozenset[str] = frozenset()
    classes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def reaches(self, lieu: Lieu) -> bool:
        """Whether it may hold some student of that lycée."""
        return lieu.uai in self.uais or lieu.academie in self.academies or lieu.uai in self.classes

    def classes_in(self, lieu: Lieu) -> frozenset[str] | None:
        """The classes of that lycée whose students it reaches; None when it reaches them all."""
        if lieu.uai in self.uais or lieu.academie in self.academies:
            return None
        return self.classes.get(lieu.uai, frozenset())
