"""Settings of `offre`."""

from pydantic import Field

from kit.settings import ServiceSettings


class OffreSettings(ServiceSettings):
    """What `offre` needs beside what every service does."""

    offre_port: int = Field(4002, description="HTTP port of `offre`.", ge=1, le=65535)
