"""The start of a service: what keeps it from serving is said by the name of the setting, before anything is opened."""

import errno
import gc
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from kit.auth.service_tokens import private_key_path
from kit.settings import ServiceSettings, refuse


def require_startable(settings: ServiceSettings, service: str) -> None:
    """Check what the process needs of its machine: its ports, and the key by which it proves itself to its peers.

    Raises:
        SystemExit: something is not to be had; it was said, with the setting that names it.
    """
    problems = [*_ports(settings), *_own_key(settings.cles_services, service)]
    if problems:
        refuse(problems)


def spare_the_collector() -> None:
    """Have the collector of garbage leave alone what is there by now: it stays until the process ends, and to look
    through all of it again takes 160 to 200 ms each time, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()


def _ports(settings: ServiceSettings) -> Iterator[tuple[str, str]]:
    """Those that cannot be listened on; all are held at once, so that two settings on one port are told too.

    A service listens on what its settings call `…_port`.
    """
    with ExitStack() as held:
        for name, port in settings:
            if name.endswith("_port"):
                host = settings.grpc_host if name.endswith("_grpc_port") else settings.http_host
                try:
                    held.enter_context(_listening(host, port))
                except OSError as error:
                    yield name.upper(), _why_not(host, port, error)


def _listening(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program, or given to another setting"
    reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
    return f"{host}:{port} cannot be listened on: {reason}"


def _own_key(folder: Path, service: str) -> Iterator[tuple[str, str]]:
    path = private_key_path(folder, service)
    try:
        ECKey.import_key(path.read_bytes())
    except OSError as error:
        yield "CLES_SERVICES", f"{path} cannot be read: {error.strerror}"
    except (JoseError, ValueError):
        yield "CLES_SERVICES", f"{path} does not hold a private key"
