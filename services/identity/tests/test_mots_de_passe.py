"""Passwords: what may be chosen (domaine.md §3), and how they are kept."""

from datetime import UTC, datetime

import pytest

from services.identity.domain.mots_de_passe import MotDePasseRefuse, is_due, normalize, require_acceptable
from services.identity.mfa.mots_de_passe import Hasher, strength

WORDS = ("petit", "lea.petit@ac-creteil.fr", "0940001a")


def choose(mot_de_passe: str) -> None:
    chosen = normalize(mot_de_passe)
    require_acceptable(chosen, force=strength(chosen, WORDS), mots_personnels=WORDS)


@pytest.mark.exigence("ASVS 6.2.5", "CNIL-2022-100 robustesse")
@pytest.mark.parametrize("mot_de_passe", ["parapluie cobalt sous la treille", "Vj8#qLw2!zR0t", "x7" * 64])
def test_a_long_password_that_is_hard_to_guess_is_accepted(mot_de_passe: str) -> None:
    require_acceptable(mot_de_passe, force=3, mots_personnels=WORDS)


@pytest.mark.exigence("ASVS 6.2.1", "ANSSI longueur")
def test_eleven_characters_are_too_few_however_random() -> None:
    with pytest.raises(MotDePasseRefuse, match="au moins 12"):
        choose("Vj8#qLw2!zR")
    choose("Vj8#qLw2!zR0")


@pytest.mark.exigence("ASVS 6.2.9")
def test_more_than_128_characters_are_too_many() -> None:
    with pytest.raises(MotDePasseRefuse, match="128"):
        choose("Vj8#qLw2!zR0" * 11)


@pytest.mark.exigence("ASVS 6.2.4", "ASVS 6.2.12", "CNIL-2022-100 robustesse", "ANSSI verification")
@pytest.mark.parametrize(
    "mot_de_passe", ["motdepasse123", "azertyuiop123", "password1234", "aaaaaaaaaaaaaaaa", "12345678901234"]
)
def test_a_common_password_is_refused_however_long(mot_de_passe: str) -> None:
    with pytest.raises(MotDePasseRefuse, match="facile à deviner"):
        choose(mot_de_passe)


@pytest.mark.exigence("ASVS 6.2.11")
@pytest.mark.parametrize("mot_de_passe", ["Vj8#qLw2!PÉTIT", "0940001A-vj8#qlw2!z", "xx Petit kraken orme"])
def test_a_password_with_the_persons_name_login_or_uai_is_refused(mot_de_passe: str) -> None:
    with pytest.raises(MotDePasseRefuse, match="votre nom"):
        choose(mot_de_passe)


@pytest.mark.exigence("ASVS 6.2.8")
def test_the_same_characters_typed_in_two_ways_are_one_password() -> None:
    assert normalize("épine ﬁne 2²") == normalize("épine fine 22")


@pytest.mark.exigence("CNIL-2022-100 conservation", "ANSSI stockage")
async def test_a_hash_is_argon2id_and_verifies_its_password_only() -> None:
    hasher = Hasher()
    condensat = await hasher.hash("parapluie cobalt")
    assert condensat.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await hasher.verify(condensat, "parapluie cobalt")
    assert not await hasher.verify(condensat, "parapluie cobal")
    assert not await hasher.verify(None, "parapluie cobalt")
    assert not await hasher.verify("not a hash", "parapluie cobalt")
    hasher.close()


@pytest.mark.parametrize(
    ("choisi", "now", "due"),
    [
        # « site de gestion open »: 13/11/2023 for the session 2024, 13/11/2024 for 2025.
        ((2024, 11, 12), (2024, 11, 13), True),
        ((2024, 11, 13), (2024, 11, 13), False),
        ((2024, 11, 12), (2024, 11, 12), False),
        ((2023, 12, 1), (2024, 11, 12), False),
        ((2023, 11, 1), (2025, 6, 1), True),
        ((2025, 1, 6), (2025, 10, 1), False),
        (None, (2024, 11, 13), True),
        (None, (2023, 11, 12), False),
    ],
)
def test_a_password_is_changed_at_the_first_connection_of_each_session(
    choisi: tuple[int, int, int] | None, now: tuple[int, int, int], due: bool
) -> None:
    openings = [datetime(2023, 11, 13, tzinfo=UTC), datetime(2024, 11, 13, tzinfo=UTC)]
    chosen = None if choisi is None else datetime(*choisi, tzinfo=UTC)
    assert is_due(chosen, openings, now=datetime(*now, tzinfo=UTC)) is due
    assert not is_due(chosen, [], now=datetime(*now, tzinfo=UTC)), "no calendar is known yet"
