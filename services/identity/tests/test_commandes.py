"""The commands: what an operator creates and changes, and what each says."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openpyxl import load_workbook
from pymongo import MongoClient
from ulid import ULID

from services.identity.__main__ import main

pytestmark = pytest.mark.stack

type Run = Callable[..., Result]
URL = "http://127.0.0.1:4001"
LEA = ("--courriel", "lea.petit@ac-creteil.fr")
NADIA = ("--courriel", "nadia.leroy@education.gouv.fr", "--nom", "Leroy", "--prenom", "Nadia")
MOT_DE_PASSE = "parapluie cobalt sous la treille"


@pytest.fixture
def run(
    mongodb_uri: str, kafka_bootstrap_servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Runs a command over an empty store, in local mode."""
    prefix = f"t{str(ULID()).lower()}_"
    for name, value in {
        "MODE": "local",
        "MONGODB_URI": mongodb_uri,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "PREFIXE_BASES": prefix,
        "IDENTITY_URL": URL,
        "CLES_SERVICES": str(tmp_path / "cles"),
        "OTEL_TRACES_EXPORTER": "none",
    }.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str, given: str = "") -> Result:
        return CliRunner().invoke(main, arguments, input=given)

    yield invoke
    client: MongoClient[dict[str, object]] = MongoClient(mongodb_uri)
    client.drop_database(f"{prefix}identity")
    client.close()


def test_the_first_national_administrator_gets_a_link_that_activates_its_account(run: Run) -> None:
    result = run("creer-admin-national", *NADIA)
    assert result.exit_code == 0
    assert re.search(rf"{URL}/activation\?lien=[\w-]{{43}}$", result.stdout, re.MULTILINE)


def test_an_address_has_one_account(run: Run) -> None:
    assert run("creer-admin-national", *NADIA).exit_code == 0
    again = run("creer-admin-national", *NADIA)
    assert again.exit_code == 1
    assert "déjà cette adresse" in again.stderr


def test_a_password_comes_from_standard_input_or_a_file_and_is_checked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mot-de-passe"
    file.write_text(MOT_DE_PASSE + "\n")
    given = run("creer-admin-national", *NADIA, "--mot-de-passe-fichier", str(file)).stdout
    assert "compte 01" in given
    assert "lien" not in given
    who = ("creer-compte", *LEA, "--nom", "Petit", "--prenom", "Léa", "--mot-de-passe-stdin")
    weak = run(*who, given="motdepasse123\n")
    assert weak.exit_code == 1
    assert "facile à deviner" in weak.stderr
    assert run(*who, given=MOT_DE_PASSE).exit_code == 0, "nothing was created with the weak one"


def test_roles_and_rights_are_given_and_taken_and_an_unchanged_account_is_said_to_be(run: Run) -> None:
    names = ("--nom", "Petit", "--prenom", "Léa", "--role", "ADJOINT", "--uai", "0940001A")
    followed = (*NADIA, "--role", "PROFESSEUR_PRINCIPAL", "--uai", "0940001A", "--classe", "TG1", "--classe", "TG2")
    assert run("creer-compte", *followed).exit_code == 0
    assert run("creer-compte", *LEA, *names, "--droit", "0940001A:NOTES:LECTURE").exit_code == 0
    right = (*LEA, "--uai", "0940001A", "--rubrique", "SIECLE")
    for arguments, said in (
        (("donner-droit", *right, "--niveau", "ECRITURE"), "modifié : 1 rôles, 2 droits"),
        (("donner-droit", *right, "--niveau", "ECRITURE"), "inchangé"),
        (("donner-droit", *right, "--niveau", "SIGNATURE"), "au seul chef d'établissement"),
        (("retirer-droit", *right), "modifié : 1 rôles, 1 droits"),
        (("donner-role", *LEA, "--role", "CHEF_ETABLISSEMENT"), "demande le numéro UAI"),
        (("donner-role", *LEA, "--role", "REFERENT", "--uai", "0940001A"), "indiquez leurs classes, ou leur groupe"),
        (("donner-role", *LEA, "--role", "REFERENT", "--uai", "0940001A", "--groupe", "Latin"), "2 rôles"),
        (("retirer-role", *LEA, "--role", "ADJOINT"), "modifié : 1 rôles, 1 droits"),
        (("desactiver-compte", *LEA), "désactivé"),
        (("donner-droit", *right, "--niveau", "LECTURE"), "désactivé"),
        (("desactiver-compte", "--courriel", "inconnue@exemple.fr"), "Aucun compte"),
    ):
        assert said in run(*arguments).output, arguments


def test_an_erased_person_is_said_to_be_gone_as_often_as_asked(run: Run) -> None:
    created = run("creer-compte", *LEA, "--nom", "Petit", "--prenom", "Léa", "--role", "ADJOINT", "--uai", "0940001A")
    (compte,) = re.findall(r"^compte (\w+)$", created.stdout, re.MULTILINE)
    for _ in range(2):
        erased = run("effacer-personne", "--compte", compte)
        assert erased.exit_code == 0
        assert f"compte {compte} effacé" in erased.stdout
    assert "n'existe pas" in run("effacer-personne", "--compte", "01JHF3Z6X8Q4T2V5N7M9K1B3CD").stderr


def test_unused_accounts_are_counted_without_a_name(run: Run) -> None:
    said = "0 comptes signalés et avertis, 0 désactivés, 0 signalés en attente de leur échéance"
    assert said in run("signaler-inactifs").stdout


def test_a_functional_address_is_refused_with_an_example_of_a_right_one(run: Run) -> None:
    result = run("creer-compte", "--courriel", "ce.0940001A@ac-creteil.fr", "--nom", "X", "--prenom", "Y")
    assert result.exit_code == 1
    assert "prenom.nom@ac-creteil.fr" in result.stderr


def described(**changed: object) -> str:
    line = {
        "courriel": "awa.kone@ac-creteil.fr",
        "nom": "Kone",
        "prenom": "Awa",
        "mot_de_passe": MOT_DE_PASSE,
        "totp": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "roles": [{"role": "GESTIONNAIRE", "uai": "0940001A"}],
        "droits": [{"uai": "0940001A", "rubrique": "SIECLE", "niveau": "ECRITURE"}],
    }
    return json.dumps([line | changed])


def test_demonstration_accounts_loaded_again_change_nothing(run: Run) -> None:
    assert "1 nouveaux, 0 modifiés, 0 inchangés" in run("charger-comptes", given=described()).stdout
    assert "0 nouveaux, 0 modifiés, 1 inchangés" in run("charger-comptes", given=described()).stdout
    changed: dict[str, object] = {}
    for field, value in (("droits", []), ("mot_de_passe", "une autre phrase, cobalt et treille"), ("nom", "Koné")):
        changed[field] = value
        assert "0 nouveaux, 1 modifiés" in run("charger-comptes", given=described(**changed)).stdout


def test_a_bad_demonstration_account_is_named_by_its_rank_and_field_without_its_secrets(run: Run) -> None:
    for changed, said in (
        ({"mot_de_passe": "motdepasse123"}, "compte n° 1 refusé : Ce mot de passe est trop facile"),
        ({"totp": "COURT"}, "compte n° 1 refusé : Le secret TOTP"),
        ({"courriel": "contact@ac-creteil.fr"}, "compte n° 1 refusé : Aucun compte ne peut avoir cette adresse"),
        ({"roles": [{"role": "CHEF_ETABLISSEMENT"}]}, "compte n° 1 refusé : Le rôle CHEF_ETABLISSEMENT"),
        ({"roles": [{"role": "ROI"}]}, "0.roles.0.role"),
        ({"inconnu": 1}, "0.inconnu"),
    ):
        result = run("charger-comptes", given=described(**changed))
        assert result.exit_code == 1
        assert said in result.output
        assert "motdepasse123" not in result.output
    assert run("charger-comptes", given="pas du JSON").exit_code == 1


@pytest.mark.exigence("ASVS 6.3.2")
def test_outside_local_mode_there_are_no_demonstration_accounts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("charger-comptes", given=described())
    monkeypatch.setenv("MODE", "production")
    monkeypatch.setenv("IDENTITY_URL", "https://identite.example.fr")
    assert "MODE=local only" in run("charger-comptes", given=described()).output
    assert "MODE=local only" in run("desactiver-compte", *LEA).output, "the local master key stops it"
    monkeypatch.setenv("CLE_MAITRE", "prod:" + "A" * 43 + "=")
    assert "demonstration accounts" in run("desactiver-compte", *LEA).output


def test_keys_are_made_once(run: Run) -> None:
    for _ in range(2):
        assert "clés prêtes" in run("creer-cles").stdout


def test_the_audit_trail_is_exported_as_people_open_it(run: Run, tmp_path: Path) -> None:
    names = ("--nom", "Petit", "--prenom", "Léa", "--role", "ADJOINT", "--uai", "0940001A")
    (compte,) = re.findall(r"^compte (\w+)$", run("creer-compte", *LEA, *names).stdout, re.MULTILINE)
    written = tmp_path / "journal.csv"
    assert "2 lignes écrites" in run("exporter-audit", "--sortie", str(written)).stdout
    header, exported, created = csv.reader(written.read_text(encoding="utf-8-sig").splitlines(), delimiter=";")
    assert exported[header.index("Acte")] == "Journal exporté"
    assert created[1:7] == ["Compte créé", "Faite", "", "operateur", compte, "0940001A"]

    workbook = tmp_path / "journal.xlsx"
    only = ("--acte", "COMPTE_CREE", "--compte", compte, "--depuis", "2020-01-01")
    run("exporter-audit", "--sortie", str(workbook), "--format", "xlsx", *only)
    rows = list(load_workbook(workbook).worksheets[0].values)
    assert rows[0] == tuple(header)
    assert [row[1:6] for row in rows[1:]] == [("Compte créé", "Faite", None, "operateur", compte)]
