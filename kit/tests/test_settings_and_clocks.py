"""Settings that are missing or wrong are named; the campaign's date is for demonstrations only."""

from datetime import UTC, datetime, timedelta

import pytest

from kit.clock import campaign_clock, technical_clock
from kit.settings import Mode, ServiceSettings, load

GOOD = {
    "MODE": "local",
    "MONGODB_URI": "mongodb://127.0.0.1",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "IDENTITY_URL": "http://127.0.0.1:4001",
    "CLES_SERVICES": "cles",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_settings_come_from_the_environment_and_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXYS_DE_CONFIANCE", "10.0.0.1, 10.0.0.2")
    settings = load(ServiceSettings)
    assert settings.mode is Mode.LOCAL
    assert settings.proxys_de_confiance == ("10.0.0.1", "10.0.0.2")
    with pytest.raises(ValueError, match="frozen"):
        settings.mongodb_uri = "autre"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGODB_URI", None),
        ("KAFKA_BOOTSTRAP_SERVERS", None),
        ("MODE", "essai"),
        ("SESSION_COURANTE", "bientôt"),
        ("CAMPAGNE_DATE", "demain"),
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1"),
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092, 127.0.0.1:99999"),
        ("IDENTITY_GRPC", "127.0.0.1:0"),
    ],
)
def test_a_missing_or_wrong_setting_is_named_and_stops_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load(ServiceSettings)
    assert stopped.value.code == 2
    assert name in capsys.readouterr().err


def test_a_secret_in_a_wrong_setting_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_COURANTE", "s3cr3t")
    with pytest.raises(SystemExit):
        load(ServiceSettings)
    assert "s3cr3t" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mode", "date"), [("production", "2025-01-06T09:00:00+01:00"), ("local", "2025-01-06T09:00:00")]
)
def test_the_campaign_date_needs_local_mode_and_an_offset(
    monkeypatch: pytest.MonkeyPatch, mode: str, date: str
) -> None:
    monkeypatch.setenv("MODE", mode)
    monkeypatch.setenv("CAMPAGNE_DATE", date)
    with pytest.raises(SystemExit):
        load(ServiceSettings)


def test_the_campaign_clock_is_the_real_one_unless_a_date_is_set() -> None:
    assert abs(campaign_clock(None)() - technical_clock()) < timedelta(seconds=1)


def test_a_date_that_is_set_keeps_running() -> None:
    date = datetime(2025, 1, 6, 9, tzinfo=UTC)
    clock = campaign_clock(date)
    first = clock()
    assert timedelta(0) <= first - date < timedelta(seconds=1)
    assert clock() >= first
