"""Reading streams: the largest file takes little memory (the bar is 200 MB for 5,000 students)."""

import subprocess
import sys
from pathlib import Path

from generateur.siecle import ELEVES, write_eleves, zipped
from services.eleves.tests.envois import ecole

PROGRAM = """
import resource, sys
from services.eleves.siecle.controle import check
from services.eleves.siecle.lecture import read_documents
from services.eleves.siecle.paquet import open_document
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
idle = peak()
with open(sys.argv[1], "rb") as sent:
    checked = check(read_documents([open_document(sent, "envoi")]), uai="0779000P", session=2025)
print(len(checked.lignes), (peak() - idle) // 1024)
"""


def test_five_thousand_students_are_checked_in_less_than_a_hundred_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "envoi.zip"
    path.write_bytes(zipped(ELEVES, write_eleves(ecole(terminales=5000), adresses=True)))
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, check=True, text=True, timeout=60
    )
    lignes, megabytes = (int(part) for part in run.stdout.split())
    assert lignes == 5000
    assert megabytes < 100
