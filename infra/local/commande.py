"""`python -m infra.local.commande services.offre …`: a command of ours on the platform that `make up` runs.

It is given the environment of the platform's own processes, and nobody's shell keeps it: the tests, say, would take the
stores of the demonstration for theirs.
"""

import os
import sys
from typing import NoReturn

from infra.local.platform import read_settings
from infra.local.processes import StartFailed


def main() -> NoReturn:
    """Become `python -m <module> <arguments>`."""
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m infra.local.commande MODULE ARGUMENTS, such as services.offre --help")
    try:
        settings = read_settings(os.environ)
    except StartFailed as error:
        raise SystemExit(f"commande: {error}") from None
    os.execve(sys.executable, [sys.executable, "-m", *sys.argv[1:]], {**os.environ, **settings.environment()})  # noqa: S606 - our own commands


if __name__ == "__main__":
    main()
