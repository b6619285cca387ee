"""The clients: declared in a file that is checked at start."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.oidc.clients import Client, Declaration, load_clients, origins

DECLARED = Path(__file__).parents[1] / "clients.toml"
GOOD = '[web]\nnom = "Web"\nredirect_uris = ["https://site.example/retour"]\nscopes = ["openid"]\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "clients.toml"
    path.write_text(text)
    return path


def client(*redirect_uris: str, boucle_locale: bool = False) -> Client:
    return Client(
        "c", Declaration(nom="c", redirect_uris=redirect_uris, scopes=("openid",), boucle_locale=boucle_locale)
    )


def test_the_demonstrations_clients_are_well_declared_and_stay_local() -> None:
    assert set(load_clients(DECLARED, demonstration=True)) == {"web", "ligne-de-commande"}
    with pytest.raises(SystemExit, match="MODE=local"):
        load_clients(DECLARED, demonstration=False)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    assert set(load_clients(write(tmp_path, GOOD), demonstration=False)) == {"web"}


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
        ("[web", "cannot be read"),
        ("", "no client"),
    ],
)
def test_a_bad_declaration_is_named_and_stops_the_start(tmp_path: Path, changed: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        load_clients(write(tmp_path, changed), demonstration=False)


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
