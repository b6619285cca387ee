"""Topics of an académie: what names persons stays in topics of its own (architecture §4)."""

from pydantic import Field

from kit.settings import Names, ServiceSettings


class AcademiesSettings(ServiceSettings):
    """Settings of the services that write or read topics of académies."""

    academies_topics: Names = Field(
        default=("creteil",),
        description="Académies that are open: those that have topics of their own, comma-separated short names.",
    )


def topic_of(academie: str, name: str) -> str:
    """The topic `name` of an académie (slug)."""
    return f"{academie}.{name}"
