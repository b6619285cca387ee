"""A real directory, of one département: its lycées, recounted from the file itself."""

import csv
import os
from pathlib import Path

import pytest

from kit.mongo import Database, Transactor
from services.offre.chargement import lycees
from services.offre.store import Work
from services.offre.usecases import Bilan, load_lycees

pytestmark = [
    pytest.mark.stack,
    pytest.mark.donnees_reelles,
    pytest.mark.skipif("DONNEES_REELLES" not in os.environ, reason="DONNEES_REELLES is not set"),
]

type Dite = tuple[str, str, str]
"""What a row says: name, commune, sector."""


def recount(path: Path) -> tuple[dict[str, Dite], int]:
    """What the first row of each open lycée says, by UAI, and how many more rows there are of them (annexes)."""
    found: dict[str, Dite] = {}
    more = 0
    with path.open(encoding="utf-8-sig", newline="") as text:
        for row in csv.DictReader(text, delimiter=";"):
            if row["Type_etablissement"] == "Lycée" and row["etat"] in {"OUVERT", "A FERMER"}:
                more += row["Identifiant_de_l_etablissement"] in found
                dite = (row["Nom_etablissement"], row["Nom_commune"], row["Statut_public_prive"])
                found.setdefault(row["Identifiant_de_l_etablissement"], dite)
    return found, more


async def test_each_open_lycee_of_a_real_directory_is_loaded_once(store: Database, transact: Transactor[Work]) -> None:
    annuaire = Path(os.environ["DONNEES_REELLES"]) / "annuaire"
    path = annuaire / "fr-en-annuaire-education_ille-et-vilaine_2023.csv"
    expected, more = recount(path)
    assert expected
    lecture = lycees.read(path)
    assert (len(lecture.bonnes), lecture.rejets, len(lecture.avertissements)) == (len(expected), [], more)
    assert await load_lycees(transact, lecture.bonnes) == Bilan(nouveaux=len(expected))
    kept = await store.etablissements.find({}).sort("_id", 1).to_list(None)
    assert [held["_id"] for held in kept] == sorted(expected)
    for held in kept:
        origine, secteurs = held["origine"], {"PUBLIC": "Public", "PRIVE": "Privé"}
        assert (origine["nom"], origine["commune"], secteurs[origine["secteur"]]) == expected[held["_id"]]
        assert (origine["academie"], held["accueil"]) == ("rennes", None)
    assert await store.outbox.count_documents({}) == len(expected)
    await store.outbox.delete_many({})
    assert await load_lycees(transact, lycees.read(path).bonnes) == Bilan(inchanges=len(expected))
    assert await store.etablissements.find({}).sort("_id", 1).to_list(None) == kept
    assert await store.outbox.count_documents({}) == 0
