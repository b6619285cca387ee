"""TLS of the calls between services: in every mode but the local one (architecture §5).

The server proves itself by a certificate, and whoever calls it by a token (ADR 005). Files are read at start: a new
certificate needs a new one.
"""

from collections.abc import Callable
from pathlib import Path

import grpc
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from kit.settings import Mode, ServiceSettings, refuse


def server_credentials(settings: ServiceSettings) -> grpc.ServerCredentials | None:
    """How our gRPC server proves itself; None in local mode, unless it is told to.

    Raises:
        SystemExit: a file is not named, or does not hold what it should; it was said, with the setting that names it.
    """
    if settings.mode is Mode.LOCAL and settings.grpc_certificat is settings.grpc_cle is None:
        return None
    chain, (certificate, *_) = _read("GRPC_CERTIFICAT", settings.grpc_certificat, load_pem_x509_certificates)
    private, key = _read("GRPC_CLE", settings.grpc_cle, lambda content: load_pem_private_key(content, password=None))
    if key.public_key() != certificate.public_key():
        refuse([("GRPC_CLE", f"{settings.grpc_cle} is not the key of GRPC_CERTIFICAT")])
    return grpc.ssl_server_credentials([(private, chain)])


def channel_credentials(settings: ServiceSettings) -> grpc.ChannelCredentials | None:
    """By which authority we believe the servers we call; None in local mode, unless one is named.

    Raises:
        SystemExit: see `server_credentials`.
    """
    if settings.mode is Mode.LOCAL and settings.grpc_autorite is None:
        return None
    authorities, _ = _read("GRPC_AUTORITE", settings.grpc_autorite, load_pem_x509_certificates)
    return grpc.ssl_channel_credentials(root_certificates=authorities)


def _read[T](name: str, path: Path | None, parse: Callable[[bytes], T]) -> tuple[bytes, T]:
    """The content of the file that the setting names, as it is and as it was understood."""
    if path is None:
        refuse([(name, "not set; only MODE=local may do without TLS between services")])
    try:
        content = path.read_bytes()
        return content, parse(content)
    except OSError as error:
        refuse([(name, f"{path} cannot be read: {error.strerror}")])
    except (ValueError, TypeError, UnsupportedAlgorithm):
        refuse([(name, f"{path} does not hold what it should, in PEM and without password")])
