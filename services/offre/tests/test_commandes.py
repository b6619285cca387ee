"""The commands that load: what an operator reads of the bad rows, and what is loaded all the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient

from services.offre.__main__ import main
from services.offre.tests.tables import COLUMNS, GOOD, UAI, table
from services.offre.tests.test_lycees import LYCEE, STATISTIQUES

pytestmark = pytest.mark.stack

type Run = Callable[..., Result]


@pytest.fixture
def run(mongodb_uri: str, kafka_bootstrap_servers: str, unique_prefix: str, tmp_path: Path) -> Iterator[Run]:
    """Runs a command over an empty store."""
    prefix = f"{unique_prefix.rstrip('.')}_"
    env = {
        "MODE": "local",
        "MONGODB_URI": mongodb_uri,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "PREFIXE_BASES": prefix,
        "IDENTITY_URL": "http://127.0.0.1:4001",
        "CLES_SERVICES": str(tmp_path),
        "OTEL_TRACES_EXPORTER": "none",
    }

    def invoke(*arguments: object) -> Result:
        return CliRunner(env=env).invoke(main, [str(argument) for argument in arguments])

    yield invoke
    client: MongoClient[dict[str, object]] = MongoClient(mongodb_uri)
    client.drop_database(f"{prefix}offre")
    client.close()


def told(result: Result) -> list[str]:
    """What the operator reads, without the logs."""
    assert result.exit_code == 0, result.output
    return [line for line in result.stdout.splitlines() if not line.startswith("{")]


def test_the_bad_rows_of_an_offer_are_listed_and_the_good_ones_loaded_once(run: Run, tmp_path: Path) -> None:
    rows = (
        GOOD,
        {**GOOD, "fili": "Alchimie"},
        {**GOOD, "lib_for_voe_ins": "BTS - Tourisme", "capa_fin": "3000000000"},
        {**GOOD, "lib_for_voe_ins": "CPGE - Lettres", "fili": "CPGE", "contrat_etab": "Mixte"},
    )
    path = table(tmp_path / "offre.csv", *rows)
    path.write_text(path.read_text(encoding="utf-8") + '"jamais refermé;\n' + "a;b\n\n", encoding="utf-8")
    types = (
        "Licence, Licence_Las, PASS, BUT, BTS, CPGE, Ecole d'Ingénieur, IFSI, EFTS, Ecole de Commerce, Autre formation"
    )
    secteurs = "public, privé, privé sous contrat"
    assert told(run("charger-formations", path)) == [
        "établissements : 1 nouveaux, 0 modifiés, 0 inchangés",
        "formations : 2 nouveaux, 0 modifiés, 0 inchangés",
        "lignes rejetées : 4",
        f"  ligne 3, fili : valeur inconnue : « Alchimie » ; attendu : {types}",
        "  ligne 4, capa_fin : nombre de places attendu, de 0 à 99999, trouvé « 3000000000 »",
        "  ligne 6, toute la ligne : guillemets mal placés ou jamais refermés, ou valeur démesurée",
        f"  ligne 7, toute la ligne : 2 valeurs au lieu de {len(COLUMNS)}",
        "avertissements : 1",
        f"  ligne 5, contrat_etab : secteur inconnu, laissé de côté : « Mixte » ; attendu : {secteurs}",
    ]
    assert told(run("charger-formations", path))[:2] == [
        "établissements : 0 nouveaux, 0 modifiés, 1 inchangés",
        "formations : 0 nouveaux, 0 modifiés, 2 inchangés",
    ]


def test_the_bad_rows_of_a_directory_are_listed_and_the_good_ones_loaded(run: Run, tmp_path: Path) -> None:
    wrong = UAI[:7] + ("A" if UAI[7] != "A" else "B")
    rows = (LYCEE, {**LYCEE, "uai": wrong}, {**LYCEE, "academie": "Atlantide"})
    loaded = run("charger-lycees", table(tmp_path / "lycees.csv", *rows, columns=STATISTIQUES))
    assert told(loaded) == [
        "lycées : 1 nouveaux, 0 modifiés, 0 inchangés",
        "lignes rejetées : 2",
        f"  ligne 3, uai : la lettre du numéro UAI {wrong} devrait être {UAI[7]}",
        "  ligne 4, academie : académie inconnue : « Atlantide »",
        "avertissements : 0",
    ]


@pytest.mark.parametrize("command", ["charger-formations", "charger-lycees"])
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(run: Run, tmp_path: Path, command: str) -> None:
    refused = run(command, tmp_path / "absent.csv")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == "Le fichier absent.csv ne peut pas être lu : vérifiez son nom."


@pytest.mark.parametrize(
    ("command", "good", "columns", "missing"),
    [
        ("charger-formations", GOOD, COLUMNS, ("fili", "capa_fin")),
        ("charger-lycees", LYCEE, STATISTIQUES, ("secteur",)),
    ],
)
def test_a_file_without_a_column_or_with_another_separator_is_refused_and_writes_nothing(
    run: Run, tmp_path: Path, command: str, good: dict[str, str], columns: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    path = tmp_path / "f.csv"
    shorter = tuple(column for column in columns if column not in missing)
    for given, separator, said in (
        (
            shorter,
            ";",
            f"Il manque au fichier f.csv les colonnes : {', '.join(missing)}. Ajoutez-les puis rechargez-le.",
        ),
        (columns, ",", "Le fichier f.csv n'a qu'une colonne : enregistrez-le avec le point-virgule comme séparateur."),
    ):
        refused = run(command, table(path, good, columns=given, separator=separator))
        assert refused.exit_code == 1
        assert refused.stderr.splitlines()[-1] == said
        assert all(line.startswith("{") for line in refused.stdout.splitlines()), "nothing is said to be loaded"
    bilans = [line for line in told(run(command, table(path, good, columns=columns))) if "nouveaux" in line]
    assert bilans
    assert all(line.endswith(" : 1 nouveaux, 0 modifiés, 0 inchangés") for line in bilans), "nothing was there before"
