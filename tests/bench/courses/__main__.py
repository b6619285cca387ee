"""`make courses`: every race a thousand times, with and without deaths, and on both sides of a restoration.

`make courses COURSE='one recovery code'` runs one of them only.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.local.processes import free_ports, start_all, stop_all
from infra.local.stack import LOCAL, Ports, kafka, mongodb
from kit.logs import configure_logs
from tests.bench.courses.departs import COURSES, RESTAUREES, Course
from tests.bench.courses.deroulement import Resultat, run, run_after_restoration
from tests.bench.courses.piste import open_piste

_ROUNDS = 1_000


def main() -> None:
    """Run them all, or the one that is named; the status says whether anything succeeded beyond the one."""
    configure_logs("bench", level="ERROR")
    with tempfile.TemporaryDirectory(dir=LOCAL) as folder:
        if not asyncio.run(_run_all(Path(folder))):
            raise SystemExit(1)


async def _run_all(folder: Path) -> bool:
    mongodb_port, kafka_port, controller_port = free_ports(3)
    ports = Ports(mongodb=mongodb_port, kafka=kafka_port, kafka_controller=controller_port)
    running = await start_all([mongodb(ports, folder), kafka(ports, folder)], folder)
    held = True
    try:
        async with open_piste(ports.mongodb_uri, ports.kafka_bootstrap_servers, folder) as piste:
            for course in _asked(COURSES):
                held &= _say(course.nom, await run(piste, course, rounds=_ROUNDS))
            for course in _asked(COURSES):
                killed = await run(piste, course, rounds=_ROUNDS // 10, kill_every=5)
                held &= _say(f"{course.nom}, a process killed meanwhile", killed)
        for course in _asked(RESTAUREES):
            # For a while after a restoration no code of an application is taken: each has a store of its own.
            async with open_piste(ports.mongodb_uri, ports.kafka_bootstrap_servers, folder) as piste:
                _, after = await run_after_restoration(piste, course, rounds=_ROUNDS // 10)
            held &= _say(f"{course.nom}, after a restoration", after)
    finally:
        stop_all(running)
    return held


def _asked(courses: Sequence[Course]) -> Sequence[Course]:
    named = sys.argv[1:]
    return [course for course in courses if not named or course.nom in named]


def _say(what: str, result: Resultat) -> bool:
    sys.stdout.write(f"- {what}: {result}\n")
    sys.stdout.flush()
    return result.beyond == 0


if __name__ == "__main__":
    main()
