"""What is refused as a whole, from its announcement to its end: the school is told why, and nothing changes."""

from dataclasses import replace
from typing import Any

import pytest

from generateur.ecoles import generate_ecole
from generateur.fautes import FauteFichier, spoil
from generateur.siecle import write_eleves
from services.eleves.tests.conftest import VOISIN, Eleves
from services.eleves.tests.envois import ecole

pytestmark = pytest.mark.stack

GOOD = write_eleves(ecole())
REFUS = {
    FauteFichier.TEXTE: "FORMAT_INCONNU",
    FauteFichier.DOCTYPE: "DOCTYPE_INTERDIT",
    FauteFichier.ENTITES: "DOCTYPE_INTERDIT",
    FauteFichier.RACINE: "DOCUMENT_INATTENDU",
    FauteFichier.VERSION: "VERSION_INCONNUE",
    FauteFichier.TRONQUE: "XML_MAL_FORME",
    FauteFichier.UTF8_MENTEUR: "ENCODAGE_ERRONE",
    FauteFichier.ENCODAGE_INCONNU: "ENCODAGE_ERRONE",
    FauteFichier.ZIP_TRONQUE: "ARCHIVE_ILLISIBLE",
    FauteFichier.ZIP_PLUSIEURS: "ARCHIVE_INATTENDUE",
    FauteFichier.ZIP_SANS_XML: "ARCHIVE_INATTENDUE",
    FauteFichier.ZIP_IMBRIQUE: "ARCHIVE_IMBRIQUEE",
    FauteFichier.ZIP_CHIFFRE: "ARCHIVE_CHIFFREE",
    FauteFichier.ZIP_TRAVERSEE: "CHEMIN_INTERDIT",
    FauteFichier.ZIP_BOMBE: "BOMBE_DE_DECOMPRESSION",
}
REFUSED_WHEN_ANNOUNCED = {FauteFichier.VIDE}
TAKEN = {FauteFichier.LATIN_MENTEUR}
FOREIGN = {
    "AUTRE_ETABLISSEMENT": write_eleves(generate_ecole(VOISIN, session=2025, terminales=5, seed=1)),
    "AUTRE_ANNEE": write_eleves(replace(ecole(), session=2024)),
}


async def kept(eleves: Eleves) -> dict[str, Any]:
    """The students and their addresses, with their versions: nothing is told but what changes these."""
    return {name: await eleves.store[name].find({}).sort("_id", 1).to_list(None) for name in ("eleves", "courriels")}


async def test_every_broken_file_is_refused_with_its_reason_and_changes_nothing(eleves: Eleves) -> None:
    assert {*REFUS, *REFUSED_WHEN_ANNOUNCED, *TAKEN} == {*FauteFichier}
    admin = await eleves.admin()
    await admin.import_files(GOOD)
    before = await kept(eleves)
    broken = [(spoil(GOOD, faute), code) for faute, code in REFUS.items()]
    not_a_zip = (b"PK\x03\x04 not a zip", "ARCHIVE_ILLISIBLE")
    foreign = [(content, code) for code, content in FOREIGN.items()]
    for content, code in (*broken, not_a_zip, *foreign):
        refused = await admin.import_files(content)
        assert (refused["etat"], refused["refus"]["code"], refused["rapport"]) == ("REFUSE", code, None)
        assert (refused["traites"], refused["total"]) == (0, None)
        assert refused["refus"]["message"].endswith("."), refused
        assert await kept(eleves) == before, code
    for faute in TAKEN:
        again = (await admin.import_files(spoil(GOOD, faute)))["rapport"]
        assert (again["inchanges"], again["lignes"]) == (12, 12)
    assert await kept(eleves) == before


async def test_a_file_that_is_empty_or_over_the_limit_is_refused_when_it_is_announced(eleves: Eleves) -> None:
    admin = await eleves.admin()
    limit = 64 * 1024**2
    for content in (b"", bytes(limit + 1)):
        refused = await admin.announce([content])
        (refus,) = refused["refus"]
        assert (refused["import"], refus["code"], refus["champ"]) == (None, "DEPOT_INVALIDE", "taille")
        assert "de 1 octet à 64 Mo" in refus["message"]
    assert await eleves.store.imports.count_documents({}) == 0
    assert (await admin.announce([bytes(limit)]))["refus"] == []
