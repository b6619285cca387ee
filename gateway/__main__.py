"""`python -m gateway`: serve the supergraph until told to stop."""

import errno
import gc
import os
import socket
import sys

import uvicorn

from gateway import settings, telemetry
from gateway.http.app import create_app
from gateway.http.service_tokens import KeyRefused
from gateway.supergraph import SupergraphRefused


def main() -> None:
    """Serve, or say in one line what keeps it from serving."""
    read = settings.load()
    _require_port(read.host, read.port)
    tracing = telemetry.configure()
    try:
        app = create_app(read)
    except (SupergraphRefused, OSError) as error:
        sys.stderr.write(f"supergraph {read.supergraphe}: {error}\n")
        raise SystemExit(2) from None
    except KeyRefused as error:
        sys.stderr.write(f"setting PASSERELLE_CLE: {error}\n")
        raise SystemExit(2) from None
    # What is there by now stays: the collector of garbage would look through it again and again, 120 ms each time, in
    # which nobody is answered.
    gc.collect()
    gc.freeze()
    with telemetry.shut_down_last(tracing):
        uvicorn.run(app, host=read.host, port=read.port, log_config=None, access_log=False, server_header=False)


def _require_port(host: str, port: int) -> None:
    """Exit with status 2 where the port cannot be listened on, naming the setting that moves it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and not isinstance(error, socket.gaierror) else error.strerror
        why = f"port {port} is taken by another program" if error.errno == errno.EADDRINUSE else f"{host}: {reason}"
        sys.stderr.write(f"setting PASSERELLE_PORT: {why}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
