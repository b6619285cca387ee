"""Settings of `eleves`."""

from typing import ClassVar

from pydantic import Field

from kit.vault.settings import VaultSettings
from socle.topics import AcademiesSettings


class ElevesSettings(VaultSettings, AcademiesSettings):
    """What `eleves` needs beside what every service does."""

    service: ClassVar[str] = "eleves"

    eleves_port: int = Field(4003, description="HTTP port of `eleves`.", ge=1, le=65535)
    eleves_url: str = Field(
        "http://127.0.0.1:4003",
        description="Public address of `eleves`, to which files are sent.",
        pattern=r"^https?://[^/\s]+$",
    )
