"""The clients: declared in a file that is checked at start."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from services.identity.oidc.cles_clients import private_key_path
from services.identity.oidc.clients import Client, Declaration, load_clients, origins
from socle.flux import Flux

DECLARED = Path(__file__).parents[1] / "clients.toml"
GOOD = '[web]\nnom = "Web"\nredirect_uris = ["https://site.example/retour"]\nscopes = ["openid"]\n'
MACHINE = '[siecle]\nnom = "SIECLE"\nmachine = true\nscopes = ["siecle.pousser"]\n'
KEY = ECKey.generate_key("P-256", auto_kid=True)
PUBLIC = KEY.as_dict(private=False)


def inline(values: Mapping[str, object]) -> str:
    """A table of TOML, of texts."""
    return "{ " + ", ".join(f'{name} = "{value}"' for name, value in values.items()) + " }"


def write(folder: Path, text: str) -> Path:
    path = folder / "clients.toml"
    path.write_text(text)
    return path


def client(*redirect_uris: str, boucle_locale: bool = False) -> Client:
    return Client(
        "c", Declaration(nom="c", redirect_uris=redirect_uris, scopes=("openid",), boucle_locale=boucle_locale)
    )


def test_the_demonstrations_clients_are_well_declared_and_stay_local(tmp_path: Path) -> None:
    declared = load_clients(DECLARED, demonstration=True, cles=tmp_path)
    assert {id for id, client in declared.items() if not client.declaration.machine} == {
        "web",
        "ligne-de-commande",
        "mobile",
    }
    assert {client.declaration.scopes for client in declared.values() if client.declaration.machine} == {
        (flux,) for flux in Flux
    }
    with pytest.raises(SystemExit, match="MODE=local"):
        load_clients(DECLARED, demonstration=False, cles=tmp_path)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    assert set(load_clients(write(tmp_path, GOOD), demonstration=False, cles=tmp_path)) == {"web"}


@pytest.mark.exigence("ASVS 10.4.11")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (GOOD.replace("https://site.example/retour", "http://site.example/retour"), "web.redirect_uris"),
        (GOOD.replace("https://site.example/retour", "https://site.example/retour#x"), "fragment"),
        (GOOD.replace("https://site.example/retour", "https://*.example/retour"), "wildcard"),
        (GOOD.replace("https://site.example/retour", "/retour"), "absolute"),
        (GOOD.replace('"openid"', '"tout"'), "unknown scopes: tout"),
        (GOOD + "secret = 'x'\n", "web.secret"),
        (GOOD.replace('nom = "Web"\n', ""), "web.nom"),
        (GOOD.replace('"openid"', '"openid", "siecle.pousser"'), "web: .*for a machine"),
        (GOOD + "machine = true\n", "web: .*signs nobody in"),
        (MACHINE.replace('"siecle.pousser"', '"siecle.pousser", "catalogue.offres"'), "siecle: .*exactly one"),
        (MACHINE.replace("siecle.pousser", "openid"), "siecle: .*exactly one"),
        (MACHINE, "siecle: .*by a key"),
        (MACHINE + 'cles = "absentes.json"\n', "siecle.cles: .*absentes.json"),
        (MACHINE + "jwks = { keys = [] }\n", "siecle.jwks: .*a JWK set"),
        (
            MACHINE + 'jwks = { keys = [{ kty = "oct", k = "dW4gc2VjcmV0IGFzc2V6IGxvbmc", kid = "a" }] }\n',
            "only keys for ES256",
        ),
        (MACHINE + f"jwks = {{ keys = [{inline(KEY.as_dict(private=True))}] }}\n", "a private key"),
        (
            MACHINE + f"jwks = {{ keys = [{inline(KEY.as_dict(private=False) | {'alg': 'RS256'})}] }}\n",
            "only keys for ES256",
        ),
        (MACHINE + f"jwks = {{ keys = [{inline(PUBLIC)}, {inline(PUBLIC)}] }}\n", "kid of its own"),
        (MACHINE + f'cles = "a.json"\njwks = {{ keys = [{inline(PUBLIC)}] }}\n', "one of them"),
        ("[web", "cannot be read"),
        ("", "no client"),
    ],
)
def test_a_bad_declaration_is_named_and_stops_the_start(tmp_path: Path, changed: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        load_clients(write(tmp_path, changed), demonstration=False, cles=tmp_path)


def test_a_machine_has_the_keys_that_are_declared_and_no_other_way_in(tmp_path: Path) -> None:
    path = write(tmp_path, MACHINE + f"jwks = {{ keys = [{inline(PUBLIC)}] }}\n")
    machine = load_clients(path, demonstration=False, cles=tmp_path)["siecle"]
    assert set(machine.cles) == {KEY.kid}
    assert machine.check_endpoint_auth_method("private_key_jwt", "token")
    assert not machine.check_endpoint_auth_method("none", "token")
    assert not machine.check_grant_type("authorization_code")
    assert not machine.check_response_type("code")


def test_the_keys_of_the_demonstrations_machines_are_made_once_and_kept_to_their_owner(tmp_path: Path) -> None:
    first, again = (load_clients(DECLARED, demonstration=True, cles=tmp_path) for _ in range(2))
    assert {id: set(client.cles) for id, client in first.items()} == {
        id: set(client.cles) for id, client in again.items()
    }
    assert private_key_path(tmp_path / "siecle.jwks.json").stat().st_mode & 0o077 == 0
    assert '"d"' not in (tmp_path / "siecle.jwks.json").read_text()


@pytest.mark.exigence("ASVS 10.4.1")
@pytest.mark.parametrize(
    "asked",
    [
        "https://site.example/retour/",
        "https://site.example/retour?x=1",
        "https://site.example:443/retour",
        "https://SITE.example/retour",
        "https://site.example/",
        "https://site.example.evil/retour",
        "https://site.example/retour#x",
        "https://site.example/%72etour",
        "https://u:p@site.example/retour",
        "https://site.example/x/../retour",
        "https://site.example\\@evil.example/retour",
        "https://site.example/retour\n",
        "",
    ],
)
def test_a_redirect_address_is_compared_exactly(asked: str) -> None:
    declared = client("https://site.example/retour")
    assert declared.check_redirect_uri("https://site.example/retour")
    assert not declared.check_redirect_uri(asked)


def test_a_native_client_comes_back_on_any_port_of_the_loopback_address_and_nowhere_else() -> None:
    native = client("http://127.0.0.1/retour", boucle_locale=True)
    assert native.check_redirect_uri("http://127.0.0.1:53682/retour")
    assert native.check_redirect_uri("http://127.0.0.1/retour")
    for asked in (
        "http://127.0.0.1:53682/autre",
        "http://127.0.0.1:53682/retour?x=1",
        "https://127.0.0.1:53682/retour",
        "http://localhost:53682/retour",
        "http://127.0.0.2:53682/retour",
        "http://127.0.0.1:53682@evil.example/retour",
        "http://u@127.0.0.1:53682/retour",
        "http://127.0.0.1:port/retour",
    ):
        assert not native.check_redirect_uri(asked), asked
    assert not client("http://127.0.0.1:3000/retour").check_redirect_uri("http://127.0.0.1:3001/retour")


def test_forms_may_end_where_clients_are_and_nowhere_else() -> None:
    native, web = client("http://127.0.0.1/retour", boucle_locale=True), client("https://site.example/retour")
    assert origins({"a": native, "b": web}) == {"http://127.0.0.1:*", "https://site.example"}


@given(
    st.text(max_size=60)
    | st.from_regex(r"https?://127\.0\.0\.1(:[0-9]{1,6})?(/retour)?[?#/@]?[a-z0-9]{0,5}", fullmatch=True)
)
def test_whatever_is_asked_only_the_port_of_the_loopback_address_may_differ(asked: str) -> None:
    native = client("http://127.0.0.1/retour", boucle_locale=True)
    accepted = re.fullmatch(r"http://127\.0\.0\.1(:(?:0|[1-9][0-9]{0,4}))?/retour", asked)
    if native.check_redirect_uri(asked):
        assert accepted
    elif accepted:
        assert int((accepted[1] or ":0")[1:]) > 65535
