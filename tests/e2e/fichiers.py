"""What the demonstration was fed with, for the recount."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local import demonstration
from infra.local.processes import ROOT
from tests.e2e.recompte import Recompte, recount

ELEVES = "ExportXML_ElevesSansAdresses.zip"


@dataclass(frozen=True, slots=True)
class Files:
    """The folder of the demonstration, and the candidates' states."""

    folder: Path
    candidats: Path

    @property
    def lycees(self) -> dict[str, int]:
        return demonstration.lycees(self.folder)

    @property
    def charges(self) -> list[Path]:
        """The files of students that were loaded at the start."""
        return sorted(demonstration.charges(self.folder).glob(f"*/{ELEVES}"))

    @property
    def a_deposer(self) -> Path:
        """The file of students that is there to be sent."""
        return demonstration.a_deposer(self.folder) / ELEVES

    def recount(
        self,
        siecle: Sequence[Path] | None = None,
        *,
        avant_le_gel: Sequence[Path] | None = None,
        plus_tard: Sequence[Path] = (),
    ) -> Recompte:
        """All figures, from the files.

        Args:
            siecle: what was sent, beside what was loaded at the start; the file that is there to be sent, unless told.
            avant_le_gel: those of them that came before the freeze, if there was one.
            plus_tard: candidates' states that were published later.
        """
        return recount(
            session=2025,
            siecle=[*self.charges, *([self.a_deposer] if siecle is None else siecle)],
            nomenclature=self.a_deposer.with_name("ExportXML_Nomenclature.zip"),
            candidats=[self.candidats, *plus_tard],
            offre=self.folder / "offre.csv",
            lycees=self.folder / "lycees.csv",
            avant_le_gel=None if avant_le_gel is None else [*self.charges, *avant_le_gel],
        )


async def read_demonstration(folder: Path) -> Files:
    """The demonstration's files, the candidates' states written as they were played."""
    written = folder / "candidats.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "generateur", "candidats", str(written), *demonstration.candidats(folder)),
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert await process.wait() == 0
    return Files(folder, written)
