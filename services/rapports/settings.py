"""Settings of `rapports`."""

from pydantic import Field

from kit.settings import ServiceSettings


class RapportsSettings(ServiceSettings):
    """What `rapports` needs beside what every service does."""

    rapports_port: int = Field(4005, description="HTTP port of `rapports`.", ge=1, le=65535)
