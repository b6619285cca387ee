"""`python -m gateway`: serve the supergraph until told to stop."""

import sys

import uvicorn

from gateway import settings, telemetry
from gateway.http.app import create_app
from gateway.supergraph import SupergraphRefused


def main() -> None:
    """Serve, or say in one line what keeps it from serving."""
    read = settings.load()
    tracing = telemetry.configure()
    try:
        app = create_app(read)
    except (SupergraphRefused, OSError) as error:
        sys.stderr.write(f"supergraph {read.supergraphe}: {error}\n")
        raise SystemExit(2) from None
    with telemetry.shut_down_last(tracing):
        uvicorn.run(app, host=read.host, port=read.port, log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    main()
