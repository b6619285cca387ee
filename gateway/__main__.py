"""`python -m gateway`: serve the supergraph until told to stop."""

import gc
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
    # What is there by now stays: the collector of garbage would look through it again and again, 120 ms each time, in
    # which nobody is answered.
    gc.collect()
    gc.freeze()
    with telemetry.shut_down_last(tracing):
        uvicorn.run(app, host=read.host, port=read.port, log_config=None, access_log=False, server_header=False)


if __name__ == "__main__":
    main()
