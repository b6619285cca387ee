"""Known devices (domaine.md §3, ADR 031): the rules."""

from datetime import UTC, datetime, timedelta

import pytest

from services.identity.domain.appareils import Appareil, Passage, place, reseau

NOW = datetime(2025, 1, 6, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ICI, AILLEURS, CHEZ_SOI = "ici", "ailleurs", "chez-soi"


def device(*passages: tuple[str, int], facteurs: int = 2) -> Appareil:
    """A device with full sign-ins from these places, so many days ago."""
    return Appareil(facteurs=facteurs, passages=[Passage(lieu=lieu, le=NOW - ago * DAY) for lieu, ago in passages])


@pytest.mark.exigence("ASVS 6.3.4", "CNIL-2025-019 adresse")
@pytest.mark.parametrize(
    ("passages", "lieu", "jours", "spared"),
    [
        ([(ICI, 60)], ICI, 0, True),
        ([(ICI, 60)], AILLEURS, 0, False),
        # « whenever the IP address changes »: back at an earlier address, it has changed again.
        ([(ICI, 3), (AILLEURS, 1)], ICI, 0, False),
        ([(ICI, 3), (AILLEURS, 1)], AILLEURS, 0, True),
        # « an option, off by default, spares addresses known for 30 days ».
        ([(ICI, 3), (AILLEURS, 1)], ICI, 30, True),
        ([(ICI, 31), (AILLEURS, 1)], ICI, 30, False),
        ([(ICI, 31), (AILLEURS, 1)], CHEZ_SOI, 30, False),
    ],
)
def test_a_device_spares_the_factors_from_the_address_of_its_last_full_sign_in(
    passages: list[tuple[str, int]], lieu: str, jours: int, spared: bool
) -> None:
    assert device(*passages).spares(lieu, requis=2, now=NOW, jours=jours) is spared


def test_a_device_spares_no_more_factors_than_were_shown_on_it() -> None:
    assert not device((ICI, 1)).spares(ICI, requis=3, now=NOW, jours=30)
    assert device((ICI, 1), facteurs=3).spares(ICI, requis=3, now=NOW, jours=30)


def test_a_full_sign_in_moves_the_device_and_ten_places_are_remembered() -> None:
    moved = device((ICI, 3), (AILLEURS, 1)).proved(ICI, 3, now=NOW)
    assert [one.lieu for one in moved.passages] == [AILLEURS, ICI]
    assert (moved.facteurs, moved.passages[-1].le) == (3, NOW)
    for number in range(20):
        moved = moved.proved(f"lieu {number}", 2, now=NOW)
    assert [one.lieu for one in moved.passages] == [f"lieu {number}" for number in range(10, 20)]


@pytest.mark.parametrize(
    ("adresse", "lieu", "network"),
    [
        ("192.0.2.77", "192.0.2.77/32", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.77/32", "192.0.2.0/24"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64", "2001:db8:1::/48"),
    ],
)
def test_an_address_of_ipv4_is_a_place_and_of_ipv6_its_64(adresse: str, lieu: str, network: str) -> None:
    assert (place(adresse), reseau(adresse)) == (lieu, network)
