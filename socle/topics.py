"""Topics of an académie: what names persons stays in topics of its own (architecture §4)."""

from typing import Annotated

from pydantic import AfterValidator, Field

from kit.settings import Names, ServiceSettings
from socle.academies import ACADEMIES


def _known(slugs: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(slugs) - {academie.slug for academie in ACADEMIES})
    if unknown or not slugs:
        raise ValueError(
            f"expected short names of académies, such as aix-marseille, not {', '.join(unknown) or 'none'}"
        )
    return slugs


class AcademiesSettings(ServiceSettings):
    """Settings of the services that write or read topics of académies."""

    academies_topics: Annotated[Names, AfterValidator(_known)] = Field(
        default=("creteil",),
        description="Académies that are open: those that have topics of their own, comma-separated short names.",
    )


def topic_of(academie: str, name: str) -> str:
    """The topic `name` of an académie (slug)."""
    return f"{academie}.{name}"
