"""What a school sends, for the tests of SIECLE: small fictitious lycées, through the real doors."""

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from generateur.ecoles import Ecole, EleveFictif, generate_ecole
from generateur.siecle import write_eleves, write_nomenclature, write_structures
from services.eleves.domain import Eleve
from services.eleves.siecle.changements import Changement, plan
from services.eleves.siecle.controle import Controle, check
from services.eleves.siecle.documents import Depot
from services.eleves.siecle.lecture import read_documents
from services.eleves.siecle.paquet import Document, open_document
from services.eleves.siecle.rapprochement import Rapprochement, match

UAI = "0779000P"
SESSION = 2025


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
    return check(depot(lycee, structures=structures, nomenclature=nomenclature), uai=UAI, session=SESSION)


def send(
    lycee: Ecole, connus: Sequence[Eleve] = (), *, vivier_gele: bool = False, taken: frozenset[str] = frozenset()
) -> tuple[Rapprochement, tuple[Changement, ...]]:
    """An import from the file to its changes; addresses in `taken` are somebody else's in the nation."""
    checked = controle(lycee)
    numbers = count(len(connus) + 1)
    matched = match(checked, connus, new_id=lambda _ligne: f"{SESSION}/{next(numbers):026d}")
    paires = tuple(p.refuse_courriel() if p.courriel.adresse in taken else p for p in matched.paires)
    matched = replace(matched, paires=paires)
    return matched, plan(
        matched, controle=checked, academie="creteil", vivier_gele=vivier_gele, premier_envoi=not connus
    )


def after(connus: Sequence[Eleve], changements: Sequence[Changement]) -> list[Eleve]:
    """What the store holds once the changes are written."""
    held = {eleve.id: eleve for eleve in connus}
    held.update({changement.eleve.id: changement.eleve for changement in changements})
    return list(held.values())
