"""Candidates who come after those of the demonstration: their states, published as the candidates' own site does."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from generateur.candidats import generate_dossiers, people_of
from generateur.dossiers import Dossier, Phase
from generateur.ecoles import Ecole
from generateur.offre import formations_offertes
from generateur.site_candidats import play
from infra.local.platform import Settings
from tests.e2e.fichiers import Files

SESSION, SEED = 2025, 2025
"""Those of the demonstration."""


def draw_arrivals(files: Files, ecoles: Iterable[Ecole]) -> list[Dossier]:
    """The states, at the end of the main phase, of the students of these lycées of whom nobody has told yet."""
    lines = files.candidats.read_text(encoding="utf-8").splitlines()
    known = {json.loads(line)["candidat"] for line in lines}
    come = {p.numero: p for ecole in ecoles for p in people_of(ecole, seed=SEED) if p.numero not in known}
    with (files.folder / "offre.csv").open(encoding="utf-8", newline="") as text:
        formations = formations_offertes(csv.DictReader(text, delimiter=";"), session=SESSION)
    return list(generate_dossiers(come.values(), formations, session=SESSION, phase=Phase.FIN_PRINCIPALE, seed=SEED))


async def publish(settings: Settings, dossiers: Sequence[Dossier]) -> None:
    """Publish these states; on return they are at the broker."""
    count = await play(dossiers, kafka=settings.ports.kafka_bootstrap_servers, prefix="", say=print)
    assert count == len(dossiers)


def write_states(path: Path, dossiers: Iterable[Dossier]) -> Path:
    """The states in a file, for the recount."""
    path.write_text("".join(json.dumps(asdict(dossier), default=str) + "\n" for dossier in dossiers), encoding="utf-8")
    return path
