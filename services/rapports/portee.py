"""Whose reports a read may return: made by the policy, taken by every list of the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.rapports.domain import Formation


@dataclass(frozen=True, slots=True, kw_only=True)
class Portee:
    """The formations whose report someone may see before it is public.

    Args:
        tout: all there are.
        uais: those of these establishments.
        academies: those of these académies (slugs); a formation tells its own, for some hosts are of the neighbouring.
        formations: these only (ids), by establishment.
    """

    tout: bool = False
    uais: frozenset[str] = frozenset()
    academies: frozenset[str] = frozenset()
    formations: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def holds(self, formation: Formation) -> bool:
        """Whether it reaches that formation."""
        return (
            self.reaches_all_of(formation.uai)
            or formation.academie in self.academies
            or formation.id in self.formations_of(formation.uai)
        )

    def reaches_all_of(self, uai: str) -> bool:
        """Whether it reaches every formation of that establishment, whatever its académie."""
        return self.tout or uai in self.uais

    def formations_of(self, uai: str) -> frozenset[str]:
        """Those that it reaches one by one."""
        return self.formations.get(uai, frozenset())
