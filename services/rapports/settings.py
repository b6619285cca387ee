"""Settings of `rapports`."""

from pydantic import Field

from socle.topics import AcademiesSettings


class RapportsSettings(AcademiesSettings):
    """What `rapports` needs beside what every service does."""

    rapports_port: int = Field(4005, description="HTTP port of `rapports`.", ge=1, le=65535)
