"""What the files of an import hold, beside the students that the school has (domaine.md §5.1)."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import IO

from services.eleves.deps import Deps
from services.eleves.domain import Eleve
from services.eleves.imports import ImportSiecle
from services.eleves.siecle.controle import Controle, check
from services.eleves.siecle.lecture import read_documents
from services.eleves.siecle.paquet import open_document
from services.eleves.siecle.refus import FichierVide
from services.eleves.store.listes import find_school

_IN_MEMORY = 4 * 1024**2
"""≈ ours: bytes of a file beyond which it is read from a disk; nearly all schools send less, zipped."""


async def read(deps: Deps, held: ImportSiecle) -> tuple[Controle, Sequence[Eleve]]:
    """The files of an import, checked, and all the students that its school has sent so far.

    Raises:
        FichierRefuse: the files cannot be taken.
    """
    with ExitStack() as opened:
        sources: list[tuple[str, IO[bytes]]] = []
        for fichier in held.fichiers:
            source = opened.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY))
            if fichier.contenu is None or not await deps.files.read_into(fichier.contenu, source):
                raise FichierVide(f"Le fichier « {fichier.nom} » n'est plus conservé : refaites l'envoi.")
            sources.append((fichier.nom, source))
        # The store looks the students up while a thread reads the files, which leaves the service free to answer.
        # Not before: the embedded store does one thing at a time, and the files would wait for the students.
        looking = asyncio.create_task(find_school(deps.database, session=held.session, uai=held.uai))
        try:
            controle = await asyncio.to_thread(_check, sources, held, _sent_at(deps, held))
            return controle, await looking
        finally:
            looking.cancel()


def _sent_at(deps: Deps, held: ImportSiecle) -> datetime:
    """When the files were sent; in a rehearsal of days to come, then."""
    return max(held.depose_le or held.demande_le, deps.campaign_clock())


def _check(sources: Sequence[tuple[str, IO[bytes]]], held: ImportSiecle, depose_le: datetime) -> Controle:
    documents = [open_document(source, nom) for nom, source in sources]
    return check(read_documents(documents), uai=held.uai, session=held.session, depose_le=depose_le)
