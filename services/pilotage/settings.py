"""Settings of `pilotage`."""

from pydantic import Field

from socle.topics import AcademiesSettings


class PilotageSettings(AcademiesSettings):
    """What `pilotage` needs beside what every service does."""

    pilotage_port: int = Field(4004, description="HTTP port of `pilotage`.", ge=1, le=65535)
