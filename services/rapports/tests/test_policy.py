"""Who reads a draft before it is public: by role, académie and région."""

from datetime import UTC, datetime

import pytest

from kit.errors import Forbidden
from services.rapports.domain import Formation
from services.rapports.policy import require_read
from socle.principal import Principal, RoleTenu
from socle.rubriques import Role

NOW = datetime(2025, 9, 10, tzinfo=UTC)
FORMATION = Formation(
    id="2025/1",
    session=2025,
    uai="0779000P",
    academie="creteil",
    libelle="Licence",
    capacite=30,
    apprentissage=False,
)


def who(**where: str) -> Principal:
    role = RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie=where.get("academie"), region_academique=where.get("region"))
    return Principal(compte="01A", session="01S", actif=True, roles=(role,))


def test_the_academie_and_its_region_read_the_drafts() -> None:
    require_read(who(academie="creteil"), FORMATION, now=NOW)
    require_read(who(region="10"), FORMATION, now=NOW)


@pytest.mark.parametrize("where", [{"academie": "rennes"}, {"region": "03"}], ids=["académie", "région"])
def test_another_academie_or_region_does_not(where: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        require_read(who(**where), FORMATION, now=NOW)
