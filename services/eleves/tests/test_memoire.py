"""Reading streams: the largest file takes little memory (the bar is 200 MB for 5,000 students)."""

import subprocess
import sys
from pathlib import Path

import pytest

from generateur.siecle import ELEVES, write_eleves, zipped
from services.eleves.siecle.paquet import LIMITES
from services.eleves.tests.envois import ecole

PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from services.eleves.siecle.controle import check
from services.eleves.siecle.lecture import read_documents
from services.eleves.siecle.paquet import open_document
status = Path("/proc/self/status")
peak = lambda: int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1])
idle = peak()
with open(sys.argv[1], "rb") as sent:
    read = read_documents([open_document(sent, "envoi")])
checked = check(read, uai="0779000P", session=2025, depose_le=datetime(2025, 1, 10, tzinfo=UTC))
print(len(checked.lignes), (peak() - idle) // 1024)
"""


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is told by Linux only")


def check_apart(path: Path) -> tuple[int, int]:
    """How many students a process of its own finds in what is sent, and by how many megabytes it grows at most."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, check=True, text=True, timeout=60
    )
    lignes, megabytes = (int(part) for part in run.stdout.split())
    return lignes, megabytes


def test_five_thousand_students_are_checked_in_less_than_a_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "envoi.zip"
    path.write_bytes(zipped(ELEVES, write_eleves(ecole(terminales=5000), adresses=True)))
    lignes, megabytes = check_apart(path)
    assert lignes == 5000
    assert megabytes < 100


def test_as_many_elements_and_attributes_as_may_be_take_no_more_than_the_bar(tmp_path: Path) -> None:
    path = tmp_path / "envoi.xml"
    good = write_eleves(ecole())
    nodes = LIMITES.balises - good.count(b"<") - good.count(b"=")
    path.write_bytes(good.replace(b"<ELEVES>", b"<ELEVES>" + b"<a b='' c='' d=''/>" * (nodes // 4)))
    lignes, megabytes = check_apart(path)
    assert lignes == 12
    assert megabytes < 200
