"""Employers: how they are declared, what their word is worth, of whom they may speak."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, RSAKey

from services.identity.domain.comptes import Compte
from services.identity.domain.employeurs import Correspondance, Perimetre, fresh, listed
from services.identity.domain.facteurs import Facteur
from services.identity.employeurs.declaration import load_employeurs
from services.identity.tests.employeur import SECRET
from socle.principal import Droit, RoleTenu
from socle.rubriques import Niveau, Role, Rubrique

NOW = datetime(2025, 1, 13, 9, 0, tzinfo=UTC)
JOURNEE = timedelta(hours=10)
MFA = "https://refeds.org/profile/mfa"
GOOD = """
[creteil]
nom = "Académie de Créteil"
issuer = "https://identite.ac-creteil.example/realms/agents"
client_id = "site-de-gestion"
secret_fichier = "{folder}/secret"
academies = ["creteil"]
domaines = ["ac-creteil.fr"]
[creteil.acr]
"https://refeds.org/profile/mfa" = ["pwd", "otp"]
[creteil.amr]
hwk = ["hwk"]
"""


def write(folder: Path, text: str = GOOD) -> Path:
    (folder / "secret").write_text(f"{SECRET}\n")
    path = folder / "employeurs.toml"
    path.write_text(text.replace("{folder}", str(folder)))
    return path


def test_without_a_file_no_employer_signs_anybody_in() -> None:
    assert load_employeurs(None, local=False) == []


def test_a_good_file_is_read_and_shows_no_secret(tmp_path: Path) -> None:
    (employeur,) = load_employeurs(write(tmp_path), local=False)
    assert employeur.id == "creteil"
    assert employeur.secret is not None
    assert employeur.secret.get_secret_value() == SECRET
    assert SECRET not in repr(employeur)


def test_a_secret_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_CRETEIL", SECRET)
    text = GOOD.replace('secret_fichier = "{folder}/secret"', 'secret_variable = "SECRET_CRETEIL"')
    (employeur,) = load_employeurs(write(tmp_path, text), local=False)
    assert employeur.secret is not None
    assert employeur.secret.get_secret_value() == SECRET


def test_a_private_key_proves_who_we_are_instead_of_a_secret(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256")
    (tmp_path / "nous.pem").write_bytes(key.as_pem(private=True))
    text = GOOD.replace("secret_fichier", "cle").replace("/secret", "/nous.pem")
    (employeur,) = load_employeurs(write(tmp_path, text), local=False)
    assert employeur.cle is not None
    assert employeur.cle.thumbprint() == key.thumbprint()
    for wrong in (
        key.as_pem(private=False),
        ECKey.generate_key("P-384").as_pem(private=True),
        RSAKey.generate_key(2048).as_pem(private=True),
        b"secret",
    ):
        (tmp_path / "nous.pem").write_bytes(wrong)
        with pytest.raises(SystemExit, match=r"creteil\.cle") as error:
            load_employeurs(write(tmp_path, text), local=False)
        assert "PRIVATE" not in str(error.value)


ISSUER = "https://identite.ac-creteil.example/realms/agents"


@pytest.mark.exigence("ASVS 10.4.11")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (GOOD.replace(ISSUER, "http://identite.ac-creteil.example"), "only https"),
        (GOOD.replace(ISSUER, "http://127.0.0.1:8080"), "MODE=local"),
        (GOOD.replace(ISSUER, f"{ISSUER}?a=b"), "without query"),
        (GOOD.replace(ISSUER, "https://moi@identite.example"), "without query, fragment or user"),
        (GOOD.replace('client_id = "site-de-gestion"', 'client_id = "a"\nscopes = ["email"]'), "'openid'"),
        (GOOD.replace('"creteil"]', '"atlantide"]'), "atlantide"),
        (GOOD.replace('academies = ["creteil"]', 'uais = ["094"]'), "UAI"),
        (GOOD.replace('"ac-creteil.fr"', '"@ac-creteil.fr"'), "@ac-creteil.fr"),
        (GOOD.replace('["pwd", "otp"]', '["pwd", "magie"]'), "creteil.acr"),
        (GOOD.replace('["pwd", "otp"]', '["recovery"]'), "cannot show"),
        (GOOD.replace('["pwd", "otp"]', '["fed"]'), "cannot show"),
        (GOOD.replace("client_id", 'secret = "x"\nclient_id'), "creteil.secret"),
        (GOOD.replace("client_id", 'cle = "x.pem"\nclient_id'), "one of 'cle'"),
        (GOOD.replace('secret_fichier = "{folder}/secret"\n', ""), "one of 'cle'"),
        (GOOD.replace("/secret", "/absent"), "cannot be read"),
        (GOOD.replace("secret_fichier", "secret_variable").replace("{folder}/secret", "ABSENTE_ICI"), "no secret"),
        (GOOD.replace("[creteil]", '["Créteil"]'), "small letters"),
        (GOOD + GOOD.replace("[creteil", "[autre"), "same issuer"),
        ("[creteil", "cannot be read"),
    ],
)
def test_a_bad_declaration_is_named_and_stops_the_start(tmp_path: Path, changed: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said) as error:
        load_employeurs(write(tmp_path, changed), local=False)
    assert "IDENTITY_EMPLOYEURS" in str(error.value)
    assert SECRET not in str(error.value)


def test_a_local_platform_may_have_an_employer_on_the_loopback_address(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace(ISSUER, "http://127.0.0.1:8080"))
    assert len(load_employeurs(path, local=True)) == 1


DECLARED = Correspondance(
    acr={MFA: frozenset({Facteur.MOT_DE_PASSE, Facteur.TOTP})},
    amr={"otp": frozenset({Facteur.TOTP}), "hwk": frozenset({Facteur.CLE})},
)


@pytest.mark.parametrize(
    ("acr", "amr", "shown"),
    [
        (None, [], {"fed"}),
        ("1", ["pwd"], {"fed"}),
        ("1", ["mfa", "face"], {"fed"}),
        (MFA, [], {"fed", "otp"}),
        (None, ["pwd", "otp"], {"fed", "otp"}),
        (MFA, ["otp"], {"fed", "otp"}),
        (MFA, ["hwk"], {"fed", "otp", "hwk"}),
    ],
)
def test_an_employers_word_stands_for_the_password_and_for_what_was_declared_beside_it(
    acr: str | None, amr: list[str], shown: set[str]
) -> None:
    assert DECLARED.factors(acr, amr) == shown


@pytest.mark.exigence("ASVS 6.8.4")
def test_nothing_is_declared_unless_it_is() -> None:
    assert Correspondance().factors(MFA, ["pwd", "otp", "hwk", "mfa"]) == {Facteur.EMPLOYEUR}


ACADEMIES = {"0940001A": "creteil", "0350001A": "rennes", "0770001A": "creteil"}


def compte(*roles: RoleTenu, droits: tuple[Droit, ...] = ()) -> Compte:
    return Compte(id="c", courriel="a.b@ac-creteil.fr", nom="B", prenom="A", roles=roles, droits=droits)


def at(uai: str) -> RoleTenu:
    return RoleTenu(role=Role.GESTIONNAIRE, uai=uai)


CRETEIL = Perimetre(academies=frozenset({"creteil"}))
LYCEE = Perimetre(uais=frozenset({"0940001A"}))
FRANCILIENNES = Perimetre(academies=frozenset({"creteil", "paris", "versailles"}))
PARTOUT = Perimetre()
NATIONAL = RoleTenu(role=Role.ADMIN_NATIONAL)
REGIONAL = RoleTenu(role=Role.ADMIN_ACADEMIQUE, region_academique="10")
A_RENNES = Droit(uai="0350001A", rubrique=Rubrique.SIECLE, niveau=Niveau.LECTURE)


@pytest.mark.parametrize(
    ("perimetre", "held", "covered"),
    [
        (CRETEIL, compte(at("0940001A")), True),
        (CRETEIL, compte(at("0940001A"), at("0770001A")), True),
        (CRETEIL, compte(at("0350001A")), False),
        (CRETEIL, compte(at("0940001A"), at("0350001A")), False),
        (CRETEIL, compte(at("0940001A"), droits=(A_RENNES,)), False),
        (CRETEIL, compte(at("9999999Z")), False),
        (CRETEIL, compte(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil")), True),
        (CRETEIL, compte(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="rennes")), False),
        (CRETEIL, compte(REGIONAL), False),
        (FRANCILIENNES, compte(REGIONAL), True),
        (CRETEIL, compte(NATIONAL), False),
        (CRETEIL, compte(NATIONAL, at("0940001A")), False),
        (LYCEE, compte(at("0940001A")), True),
        (LYCEE, compte(at("0770001A")), False),
        (LYCEE, compte(RoleTenu(role=Role.ADMIN_ACADEMIQUE, academie="creteil")), False),
        (PARTOUT, compte(NATIONAL, at("9999999Z")), True),
    ],
)
def test_an_employer_speaks_only_of_accounts_that_can_act_nowhere_else(
    perimetre: Perimetre, held: Compte, covered: bool
) -> None:
    assert perimetre.covers(held, ACADEMIES) is covered


@pytest.mark.parametrize(
    ("a_neuf", "max_age", "age"),
    [
        (False, None, JOURNEE / 2),
        (False, timedelta(minutes=1), timedelta(minutes=1)),
        (False, timedelta(0), timedelta(0)),
        (False, timedelta(days=365), JOURNEE / 2),
        (True, None, timedelta(0)),
        (True, timedelta(minutes=1), timedelta(0)),
    ],
)
def test_what_is_asked_of_a_sign_in_is_asked_of_the_employer_too(
    a_neuf: bool, max_age: timedelta | None, age: timedelta
) -> None:
    fraicheur = fresh(a_neuf=a_neuf, max_age=max_age, now=NOW, duree_session=JOURNEE)
    assert fraicheur.nouvelle is a_neuf
    assert fraicheur.depuis == NOW - age
    assert fraicheur.max_age(NOW) == age.total_seconds()


def test_employers_are_offered_by_the_domain_of_the_address_else_where_they_are_few() -> None:
    domaines = {"a": frozenset({"ac-a.fr"}), "b": frozenset({"ac-b.fr"}), "c": frozenset[str]()}
    assert list(listed(domaines, "x@AC-B.fr", few=2)) == ["b"]
    assert list(listed(domaines, "x@elsewhere.fr", few=2)) == []
    assert list(listed(domaines, "", few=3)) == ["a", "b", "c"]
    assert list(listed({}, "x@ac-a.fr", few=3)) == []
