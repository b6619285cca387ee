"""What a school sends, for the tests of SIECLE: small fictitious lycées, through the real doors."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from generateur.ecoles import Ecole, EleveFictif, generate_ecole
from generateur.siecle import write_eleves, write_nomenclature, write_structures
from services.eleves.domain import Eleve
from services.eleves.siecle.arrivees import match_arrivals
from services.eleves.siecle.changements import Changement, plan
from services.eleves.siecle.controle import Controle, check
from services.eleves.siecle.documents import Depot
from services.eleves.siecle.lecture import read_documents
from services.eleves.siecle.paquet import Document, open_document
from services.eleves.siecle.rapprochement import Rapprochement, match, share_courriels

UAI = "0779000P"
SESSION = 2025
DEPOSE_LE = datetime.fromisoformat("2025-01-10T18:00:00+01:00")
"""When all that is sent here arrives: on the last day in time."""


def ecole(terminales: int = 12, autres: int = 0, *, seed: int = 1) -> Ecole:
    """A small lycée, every student of which has an address of its own."""
    made = generate_ecole(UAI, session=SESSION, terminales=terminales, autres=autres, seed=seed)
    eleves = tuple(replace(e, courriel=f"eleve{rank}@courriel.example") for rank, e in enumerate(made.eleves))
    return replace(made, eleves=eleves)


def with_student(lycee: Ecole, rank: int, **changes: object) -> Ecole:
    """The lycée with one student changed; `balises` are what is written instead, by tag."""
    eleves = list(lycee.eleves)
    changed: EleveFictif = replace(eleves[rank], **changes)  # type: ignore[arg-type]
    eleves[rank] = changed
    return replace(lycee, eleves=tuple(eleves))


def document(content: bytes, nom: str = "ElevesSansAdresses.xml") -> Document:
    return open_document(io.BytesIO(content), nom)


def depot(lycee: Ecole, *, structures: bool = False, nomenclature: bool = False) -> Depot:
    """The lycée's documents, written and read again."""
    documents = [document(write_eleves(lycee))]
    if structures:
        documents.append(document(write_structures(lycee), "Structures.xml"))
    if nomenclature:
        documents.append(document(write_nomenclature(lycee), "Nomenclature.xml"))
    return read_documents(documents)


def controle(lycee: Ecole, *, structures: bool = False, nomenclature: bool = False) -> Controle:
    return check(
        depot(lycee, structures=structures, nomenclature=nomenclature), uai=UAI, session=SESSION, depose_le=DEPOSE_LE
    )


def send(
    lycee: Ecole,
    connus: Sequence[Eleve] = (),
    *,
    ailleurs: Sequence[Eleve] = (),
    vivier_gele: bool = False,
    taken: frozenset[str] = frozenset(),
    envoi: int | None = None,
) -> tuple[Rapprochement, tuple[Changement, ...]]:
    """An import from the file to its changes.

    Args:
        lycee: what is sent.
        connus: the students that its school has sent before.
        ailleurs: those of other schools.
        vivier_gele: whether the vivier initial is frozen.
        taken: addresses that are somebody else's in the nation.
        envoi: its number, which makes the ids of new students: the same one is that import, gone on with.
    """
    checked = controle(lycee)
    number = len(connus) if envoi is None else envoi
    matched = match(checked, connus, new_id=lambda ligne: f"{SESSION}/{number:08d}{ligne.siecle.eleve_id:>018}")
    matched = share_courriels(match_arrivals(matched, ailleurs, exporte_le=checked.exporte_le))
    paires = tuple(p.refuse_courriel() if p.courriel.adresse in taken else p for p in matched.paires)
    matched = replace(matched, paires=paires)
    return matched, plan(matched, controle=checked, academie="creteil", vivier_gele=vivier_gele)


def after(connus: Sequence[Eleve], changements: Sequence[Changement]) -> list[Eleve]:
    """What the store holds once the changes are written."""
    held = {eleve.id: eleve for eleve in connus}
    held.update({changement.eleve.id: changement.eleve for changement in changements})
    return list(held.values())
