"""Settings: what is wrong is named, and stops the start; secrets of a demonstration stop any mode but the local one."""

import base64
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from kit.settings import Mode
from kit.vault.sealing import LOCAL_KEY, create_local_key
from services.identity.settings import IdentitySettings
from socle.rubriques import Role

KEY = f"2025-01:{base64.b64encode(os.urandom(32)).decode()}"


def settings(**changed: object) -> IdentitySettings:
    known = {
        "mode": Mode.PRODUCTION,
        "mongodb_uri": "mongodb://127.0.0.1",
        "kafka_bootstrap_servers": "127.0.0.1:9092",
        "identity_url": "https://identite.example.fr",
        "cles_services": Path("/nowhere"),
        "cle_maitre": KEY,
    }
    return IdentitySettings(**known | changed)  # type: ignore[arg-type]


def test_good_settings_open_the_vault_and_never_show_their_secrets() -> None:
    good = settings()
    assert good.open_vault().current == "2025-01"
    assert good.secure
    assert KEY not in repr(good)


@pytest.mark.parametrize(
    "changed",
    [
        {"identity_url": "http://identite.example.fr"},
        {"identity_url": "identite.example.fr"},
        {"identity_url": "https://identite.example.fr/chemin"},
        {"smtp_url": "http://mail.example.fr"},
        {"smtp_url": "smtp://"},
        {"trois_facteurs": "ADMIN_NATIONAL,ROI"},
        {"duree_session_minutes": 0},
    ],
)
def test_a_wrong_setting_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**changed)


def test_a_local_platform_may_do_without_tls() -> None:
    local = settings(mode=Mode.LOCAL, identity_url="http://127.0.0.1:4001/")
    assert not local.secure
    assert local.identity_url == "http://127.0.0.1:4001"


def test_the_roles_with_three_factors_are_the_administrators_unless_said_otherwise() -> None:
    assert settings().roles_a_trois_facteurs == {Role.ADMIN_NATIONAL, Role.ADMIN_ACADEMIQUE, Role.ADMIN_ETABLISSEMENT}
    assert settings(trois_facteurs="ADMIN_NATIONAL").roles_a_trois_facteurs == {Role.ADMIN_NATIONAL}


def test_a_missing_or_unreadable_master_key_is_said_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="CLE_MAITRE: not set"):
        settings(cle_maitre=None, cles_services=tmp_path).open_vault()
    for wrong in ("secret", "a:secrété"):
        with pytest.raises(SystemExit, match="CLE_MAITRE: expected") as error:
            settings(cle_maitre=wrong).open_vault()
        assert "secr" not in str(error.value)
    (tmp_path / "maitre.cle").write_text("a:secrété", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"CLE_MAITRE: .*maitre\.cle cannot be read") as error:
        settings(cle_maitre=None, cle_maitre_fichier=tmp_path / "maitre.cle").open_vault()
    assert "secr" not in str(error.value)


def test_a_key_made_for_a_demonstration_stops_every_mode_but_the_local_one(tmp_path: Path) -> None:
    path = tmp_path / "maitre.cle"
    create_local_key(path)
    assert path.read_text().startswith(LOCAL_KEY)
    with pytest.raises(SystemExit, match="MODE=local only"):
        settings(cle_maitre=None, cle_maitre_fichier=path).open_vault()
    local = settings(mode=Mode.LOCAL, cle_maitre=None, cle_maitre_fichier=path)
    assert local.open_vault().for_demonstration
