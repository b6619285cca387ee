"""What the rows of a file are told apart by, and what they are checked against (domaine.md §5.1 and §8)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from services.eleves.siecle.documents import Depot, EleveLu, MefLu
from socle.identifiants import TypeIne, ine_type, is_mef, normalize_ine
from socle.series import NiveauMef, read_mef

_UNKNOWN = MefLu(mefstat="", libelle="")


@dataclass(frozen=True, slots=True)
class Identifiants:
    """What a student is matched by; empty when it has none of that kind."""

    ine_rnie: str
    ine_bea: str
    eleve_id: str

    def valeurs(self) -> Iterator[tuple[str, str]]:
        """Those it has, with the name of their field."""
        for champ, value in (("INE_RNIE", self.ine_rnie), ("INE_BEA", self.ine_bea), ("ELEVE_ID", self.eleve_id)):
            if value:
                yield champ, value


def identifiants(lu: EleveLu) -> Identifiants:
    """The identifiers of a row: older exports have them under ID_NATIONAL only, whichever its kind."""
    rnie, bea = normalize_ine(lu.ine_rnie), normalize_ine(lu.ine_bea)
    national = normalize_ine(lu.id_national)
    match ine_type(national):
        case TypeIne.RNIE:
            rnie = rnie or national
        case TypeIne.BEA:
            bea = bea or national
        case _:
            pass
    return Identifiants(rnie, bea, lu.eleve_id)


@dataclass(frozen=True, slots=True)
class Reference:
    """What rows are checked against.

    Args:
        divisions: the classes of the school; None when it sent no list of them.
    """

    exporte_le: date
    divisions: frozenset[str] | None
    mefs: Mapping[str, MefLu]
    _niveaux: dict[str, NiveauMef | None] = field(default_factory=dict)

    @classmethod
    def of(cls, depot: Depot, *, exporte_le: date) -> "Reference":
        return cls(
            exporte_le,
            depot.structures.divisions if depot.structures else None,
            depot.nomenclature.mefs if depot.nomenclature else {},
        )

    def niveau(self, mef: str) -> NiveauMef | None:
        """What a MEF leads to: as the school's nomenclature has it, else as we know it."""
        if mef not in self._niveaux:
            known = self.mefs.get(mef, _UNKNOWN)
            self._niveaux[mef] = read_mef(mef, mefstat=known.mefstat, libelle=known.libelle) if is_mef(mef) else None
        return self._niveaux[mef]
