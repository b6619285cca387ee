"""Fictitious lycées: plausible, of any size, at the shares of the table, and the same for the same seed."""

from collections import Counter
from dataclasses import replace

import pytest

from generateur import marginales
from generateur.ecoles import alter, generate_ecole
from generateur.fautes import FauteEleve, FauteFichier, spoil, with_faults
from generateur.nomenclature import AUTRES_NIVEAUX, TERMINALES
from generateur.siecle import LATIN, UTF8, write_eleves, write_nomenclature, write_structures, zipped
from socle.courriels import parse_courriel_nominatif
from socle.identifiants import TypeIne, ine_bea_letter, ine_type, is_matiere, is_mef
from socle.series import Serie, read_mef

UAI = "0779000P"


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    def files(seed: int) -> list[bytes]:
        ecole = generate_ecole(UAI, session=2025, terminales=80, autres=20, seed=seed)
        later = alter(ecole, part=0.1, departs=2, arrivees=2, seed=seed)
        faulty = with_faults(ecole, {FauteEleve.INE_EN_DOUBLE: 3}, seed=seed)
        written = [write_eleves(made) for made in (ecole, later, faulty)]
        return [*written, write_structures(ecole), write_nomenclature(ecole), zipped("Eleves", written[0])]

    assert files(1) == files(1)
    assert files(1)[0] != files(2)[0]


@pytest.mark.parametrize("terminales", [0, 1, 34, 35, 192, 770])
def test_a_lycee_has_as_many_students_as_asked_in_classes_of_one_serie_each(terminales: int) -> None:
    ecole = generate_ecole(UAI, session=2025, terminales=terminales, autres=40, seed=3)
    assert sum(eleve.serie is not None for eleve in ecole.eleves) == terminales
    assert len(ecole.eleves) == terminales + 40
    classes = Counter(eleve.classe for eleve in ecole.eleves)
    assert max(classes.values()) <= marginales.ELEVES_PAR_CLASSE
    assert set(classes) == set(ecole.divisions)
    assert all(len(classe) <= 8 for classe in ecole.divisions)
    series: dict[str | None, set[Serie | None]] = {}
    for eleve in ecole.eleves:
        series.setdefault(eleve.classe, set()).add(eleve.serie)
    assert all(len(one) == 1 for one in series.values())


def test_every_identifier_is_valid_and_a_students_own_in_the_nation() -> None:
    ecoles = [generate_ecole(uai, session=2025, terminales=300, seed=1) for uai in (UAI, "9719000X", "0719000F")]
    eleves = [eleve for ecole in ecoles for eleve in ecole.eleves]
    assert len({eleve.ine_rnie for eleve in eleves}) == 900
    assert {ine_type(eleve.ine_rnie) for eleve in eleves} == {TypeIne.RNIE}
    beas = [eleve.ine_bea for eleve in eleves if eleve.ine_bea]
    assert len(set(beas)) == len(beas) > 100
    assert all(bea[10] == ine_bea_letter(bea[:10]) for bea in beas)
    assert all(is_matiere(matiere) for eleve in eleves for matiere, _ in eleve.options)


def test_a_module_tells_its_serie_by_our_table_and_by_its_label() -> None:
    assert set(TERMINALES) == set(Serie)
    modules = [(serie, mef) for serie, mefs in TERMINALES.items() for mef in mefs]
    for expected, mef in (*modules, *((None, mef) for mef in AUTRES_NIVEAUX)):
        assert is_mef(mef.code)
        for level in (read_mef(mef.code), read_mef(mef.code, mefstat=mef.mefstat, libelle=mef.libelle)):
            assert level is not None
            assert (level.serie, level.terminale) == (expected, expected is not None)


def test_addresses_are_of_a_reserved_domain_so_that_no_mail_reaches_anybody() -> None:
    eleves = generate_ecole(UAI, session=2025, terminales=2000, seed=1).eleves
    addresses = [eleve.courriel for eleve in eleves if eleve.courriel]
    assert all(address.endswith(("@courriel.example", "@courriel")) for address in addresses)
    good = [address for address in addresses if address.endswith(".example")]
    assert all(parse_courriel_nominatif(address) == address for address in good)
    missing = len(eleves) - len(addresses)
    assert missing / len(eleves) == pytest.approx(marginales.PART_SANS_COURRIEL, abs=0.01)
    assert len(good) - len(set(good)) == pytest.approx(marginales.PART_COURRIEL_PARTAGE * 2000, abs=10)


def test_classes_follow_the_shares_of_the_series() -> None:
    ecoles = (generate_ecole(f"{n:07d}A", session=2025, terminales=1, seed=1) for n in range(3000))
    shares = Counter(ecole.eleves[0].serie for ecole in ecoles)
    total = sum(marginales.PART_DES_SERIES.values())
    for serie, part in marginales.PART_DES_SERIES.items():
        assert shares[serie] / 3000 == pytest.approx(part / total, abs=0.03)


def test_a_share_of_the_students_are_boursiers() -> None:
    eleves = generate_ecole(UAI, session=2025, terminales=3000, seed=1).eleves
    assert sum(e.bourse is not None for e in eleves) / 3000 == pytest.approx(marginales.PART_BOURSIERE, abs=0.03)


def test_a_month_later_the_share_asked_for_has_changed() -> None:
    ecole = generate_ecole(UAI, session=2025, terminales=100, seed=1)
    later = alter(ecole, part=0.1, departs=3, arrivees=2, seed=1)
    before = {eleve.eleve_id: eleve for eleve in ecole.eleves}
    after = {eleve.eleve_id: eleve for eleve in later.eleves}
    assert len(before.keys() - after.keys()) == 3
    assert len(after.keys() - before.keys()) == 2
    assert sum(before[key] != after[key] for key in before.keys() & after.keys()) == 10
    assert later.exportee_le > ecole.exportee_le


@pytest.mark.parametrize("encoding", [LATIN, UTF8])
def test_files_are_written_in_the_encoding_that_they_declare(encoding: str) -> None:
    ecole = generate_ecole(UAI, session=2025, terminales=100, seed=1)
    content = write_eleves(ecole, encoding=encoding)
    assert content.startswith(f'<?xml version="1.0" encoding="{encoding}"?>'.encode())
    text = content.decode(encoding)
    assert "é" in text
    assert "Œ" in text


def test_a_character_that_the_encoding_lacks_is_written_as_a_reference() -> None:
    ecole = generate_ecole(UAI, session=2025, terminales=3, seed=1)
    ecole = replace(ecole, eleves=(replace(ecole.eleves[0], nom="Ł & <Ő>"), *ecole.eleves[1:]))
    assert b"<NOM_DE_FAMILLE>&#321; &amp; &lt;&#336;&gt;</NOM_DE_FAMILLE>" in write_eleves(ecole)


def test_each_fault_touches_its_own_students_and_leaves_the_first() -> None:
    ecole = generate_ecole(UAI, session=2025, terminales=60, seed=1)
    faulty = with_faults(ecole, dict.fromkeys(FauteEleve, 2), seed=1)
    touched = [a != b for a, b in zip(ecole.eleves, faulty.eleves, strict=True)]
    assert sum(touched) == 2 * len(FauteEleve)
    assert not touched[0]
    with pytest.raises(ValueError, match="larger than population"):
        with_faults(ecole, {FauteEleve.SORTI: 60}, seed=1)


@pytest.mark.parametrize("faute", FauteFichier)
def test_every_fault_of_a_file_makes_other_bytes(faute: FauteFichier) -> None:
    content = write_eleves(generate_ecole(UAI, session=2025, terminales=12, seed=1))
    assert spoil(content, faute) != content
