"""Reading the exports: every field where it is, in either encoding, and nothing that could harm."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generateur.fautes import FauteFichier, spoil
from generateur.siecle import LATIN, UTF8, write_eleves, write_nomenclature, write_structures
from services.eleves.siecle.documents import ElevesLus, MefLu, NomenclatureLue, OptionLue, Parametres, StructuresLues
from services.eleves.siecle.lecture import read_document, read_documents
from services.eleves.siecle.refus import (
    DoctypeInterdit,
    DocumentEnDouble,
    DocumentInattendu,
    DocumentInutile,
    ElevesAbsents,
    EncodageErrone,
    FichierRefuse,
    FichierTropVolumineux,
    VersionInconnue,
    XmlMalForme,
)
from services.eleves.tests.envois import UAI, document, ecole, with_student

ONE = """<?xml version="1.0" encoding="ISO-8859-15"?>
<BEE_ELEVES VERSION="2.1">
  <PARAMETRES>
    <UAJ>0779000P</UAJ>
    <ANNEE_SCOLAIRE>2024</ANNEE_SCOLAIRE>
    <DATE_EXPORT>09/12/2024</DATE_EXPORT>
    <HORODATAGE>09/12/2024 08:30:00</HORODATAGE>
  </PARAMETRES>
  <DONNEES>
    <ELEVES>
      <ELEVE ELEVE_ID="17" ELENOET="5">
        <ID_NATIONAL>123456789AB</ID_NATIONAL>
        <INE_BEA> 0123456789X </INE_BEA>
        <INE_RNIE>123456789AB</INE_RNIE>
        <NOM_DE_FAMILLE>BŒUVARD &amp; FILS</NOM_DE_FAMILLE>
        <NOM_USAGE></NOM_USAGE>
        <PRENOM>Éloïse</PRENOM>
        <PRENOM3>Ÿasmine</PRENOM3>
        <DATE_NAISS>01/02/2007</DATE_NAISS>
        <MEL>eloise@courriel.example</MEL>
        <TEL_PORTABLE>0600000000</TEL_PORTABLE>
        <CODE_MEF>20210019110</CODE_MEF>
        <SCOLARITE_AN_DERNIER>
          <CODE_MEF>20110019110</CODE_MEF>
          <MEL>ce.0779000P@courriel.example</MEL>
        </SCOLARITE_AN_DERNIER>
      </ELEVE>
    </ELEVES>
    <OPTIONS>
      <OPTION ELEVE_ID="17">
        <OPTIONS_ELEVE>
          <NUM_OPTION>1</NUM_OPTION>
          <CODE_MODALITE_ELECT>O</CODE_MODALITE_ELECT>
          <CODE_MATIERE>061300</CODE_MATIERE>
        </OPTIONS_ELEVE>
      </OPTION>
    </OPTIONS>
    <STRUCTURES>
      <STRUCTURES_ELEVE ELEVE_ID="17">
        <STRUCTURE><CODE_STRUCTURE>T 01</CODE_STRUCTURE><TYPE_STRUCTURE>D</TYPE_STRUCTURE></STRUCTURE>
        <STRUCTURE><CODE_STRUCTURE>_GR1</CODE_STRUCTURE><TYPE_STRUCTURE>G</TYPE_STRUCTURE></STRUCTURE>
      </STRUCTURES_ELEVE>
    </STRUCTURES>
    <BOURSES>
      <BOURSE_ELEVE ELEVE_ID="17"><CODE_BOURSE>1</CODE_BOURSE></BOURSE_ELEVE>
      <BOURSE CODE_BOURSE="4"><ELEVE_ID>17</ELEVE_ID></BOURSE>
    </BOURSES>
    <ADRESSES/>
  </DONNEES>
</BEE_ELEVES>
"""


def eleves(content: bytes) -> ElevesLus:
    read = read_document(document(content))
    assert isinstance(read, ElevesLus)
    return read


def test_a_student_is_read_with_what_the_later_parts_of_the_file_say_of_it() -> None:
    read = eleves(ONE.encode("iso-8859-15"))
    assert read.parametres == Parametres(
        uai=UAI, annee_scolaire="2024", date_export="09/12/2024", horodatage="09/12/2024 08:30:00"
    )
    (eleve,) = read.eleves
    assert eleve.ligne == 11
    assert eleve.eleve_id == "17"
    assert eleve.nom_de_famille == "BŒUVARD & FILS"
    assert eleve.nom_usage == ""
    assert eleve.prenoms == ("Éloïse", "", "Ÿasmine")
    assert eleve.ine_bea == "0123456789X"
    assert eleve.mef == "20210019110"
    assert eleve.courriel == "eloise@courriel.example"
    assert eleve.divisions == ("T 01",)
    assert eleve.options == (OptionLue("061300", "O"),)
    assert eleve.bourses == ("1", "4")
    assert eleve.sortie == ""


@pytest.mark.parametrize(
    "content",
    [
        ONE.encode("utf-8"),
        ONE.replace("ISO-8859-15", "UTF-8").encode("utf-8"),
        ONE.replace(' encoding="ISO-8859-15"', "").encode("utf-8"),
        b"\xef\xbb\xbf" + ONE.encode("utf-8"),
        ONE.replace('"ISO-8859-15"', "'iso-8859-15'").encode("iso-8859-15"),
    ],
    ids=["prolog says latin, is UTF-8", "UTF-8", "no encoding said", "byte order mark", "other quotes and case"],
)
def test_the_same_students_are_read_however_the_file_is_encoded(content: bytes) -> None:
    assert eleves(content).eleves == eleves(ONE.encode("iso-8859-15")).eleves


@pytest.mark.parametrize("encoding", [LATIN, UTF8])
@pytest.mark.parametrize("version", ["2.1", "3.0"])
@pytest.mark.parametrize("adresses", [False, True])
def test_a_generated_lycee_is_read_as_it_was_made(encoding: str, version: str, *, adresses: bool) -> None:
    lycee = ecole(terminales=40, autres=20)
    read = eleves(write_eleves(lycee, encoding=encoding, version=version, adresses=adresses)).eleves
    assert [(e.eleve_id, e.ine_rnie, e.nom_de_famille) for e in read] == [
        (e.eleve_id, e.ine_rnie, e.nom) for e in lycee.eleves
    ]
    assert [e.divisions for e in read] == [(e.classe,) for e in lycee.eleves]
    assert [e.options for e in read] == [e.options for e in lycee.eleves]
    assert [e.bourses for e in read] == [(e.bourse,) if e.bourse else () for e in lycee.eleves]


def test_the_line_of_a_student_is_told_in_files_of_any_length() -> None:
    content = write_eleves(ecole(terminales=2400))
    starts = [n for n, line in enumerate(content.split(b"\n"), 1) if b"<ELEVE " in line]
    assert starts[-1] > 65_536
    assert [eleve.ligne for eleve in eleves(content).eleves] == starts


def test_classes_and_modules_are_read_from_their_own_documents() -> None:
    lycee = ecole()
    structures = read_document(document(write_structures(lycee)))
    assert isinstance(structures, StructuresLues)
    assert structures.divisions == set(lycee.divisions)
    nomenclature = read_document(document(write_nomenclature(lycee)))
    assert isinstance(nomenclature, NomenclatureLue)
    assert nomenclature.mefs["20210019110"] == MefLu("22131010019", "TERMINALE GENERALE")


def test_documents_sent_together_are_told_apart_by_what_they_hold() -> None:
    lycee = ecole()
    read = read_documents(
        [document(write_nomenclature(lycee)), document(write_structures(lycee)), document(write_eleves(lycee))]
    )
    assert len(read.eleves.eleves) == 12
    assert read.structures is not None
    assert read.nomenclature is not None


@pytest.mark.parametrize(
    ("faute", "refus"),
    [
        (FauteFichier.DOCTYPE, DoctypeInterdit),
        (FauteFichier.ENTITES, DoctypeInterdit),
        (FauteFichier.RACINE, DocumentInattendu),
        (FauteFichier.VERSION, VersionInconnue),
        (FauteFichier.TRONQUE, XmlMalForme),
        (FauteFichier.UTF8_MENTEUR, EncodageErrone),
        (FauteFichier.ENCODAGE_INCONNU, EncodageErrone),
    ],
)
def test_a_bad_document_is_refused_and_names_the_file(faute: FauteFichier, refus: type[FichierRefuse]) -> None:
    with pytest.raises(refus, match="« envoi »"):
        read_document(document(spoil(write_eleves(ecole()), faute), "envoi"))


def test_a_malformed_document_is_refused_with_its_line() -> None:
    with pytest.raises(XmlMalForme, match=r"\(ligne 16\)"):
        eleves(ONE.replace("<NOM_USAGE></NOM_USAGE>", "<NOM_USAGE></NOM>").encode())


def test_a_document_that_is_not_the_utf8_it_says_is_refused_with_the_line() -> None:
    lines = ONE.replace("ISO-8859-15", "UTF-8").encode("iso-8859-15").split(b"\n")
    with pytest.raises(EncodageErrone, match=r"\(ligne 15\)"):
        eleves(b"\n".join(lines))


def test_a_declaration_of_entities_is_found_wherever_the_reading_is_cut() -> None:
    for blanks in range(262_080, 262_110):
        content = ONE.replace("?>\n", "?>" + " " * blanks + "<!DOCTYPE a>\n", 1).encode("iso-8859-15")
        with pytest.raises(DoctypeInterdit):
            eleves(content)


@pytest.mark.parametrize(
    "content",
    [
        ONE.encode("utf-16"),
        ONE.replace("ISO-8859-15", "UTF-16").encode("utf-16-le"),
        ONE.encode("ascii", "ignore").decode().encode("utf-16-le"),
    ],
    ids=["byte order mark", "none", "no accents either"],
)
def test_another_encoding_is_refused_by_its_name(content: bytes) -> None:
    with pytest.raises(EncodageErrone, match="l'encodage UTF-16, que SIECLE n'emploie pas"):
        eleves(content)


@pytest.mark.parametrize("racine", ["BEE_RESPONSABLES", "BEE_SERVICES"])
def test_an_export_of_no_use_here_is_refused_politely(racine: str) -> None:
    with pytest.raises(DocumentInutile, match="n'est pas utile ici"):
        read_document(document(ONE.replace("BEE_ELEVES", racine).encode("iso-8859-15")))


def test_an_upload_without_students_or_with_two_files_of_them_is_refused() -> None:
    lycee = ecole()
    with pytest.raises(ElevesAbsents, match="ElevesSansAdresses"):
        read_documents([document(write_structures(lycee))])
    with pytest.raises(DocumentEnDouble, match="« un » et « deux »"):
        read_documents([document(write_eleves(lycee), "un"), document(write_eleves(lycee), "deux")])


def test_an_element_of_enormous_depth_or_length_is_refused() -> None:
    deep = ONE.replace("<BOURSES>", "<a>" * 3000)
    with pytest.raises(XmlMalForme):
        eleves(deep.encode("iso-8859-15"))
    long = ONE.replace("Éloïse", "x" * 11_000_000)
    with pytest.raises(XmlMalForme):
        eleves(long.encode("iso-8859-15"))


@pytest.mark.parametrize(
    ("place", "rows"),
    [
        ("<ELEVES>", "<ELEVE/>" * 10_000),
        ("<OPTIONS>", "".join(f'<OPTION ELEVE_ID="{rank}"/>' for rank in range(10_001))),
        ("<STRUCTURES>", "".join(f'<STRUCTURES_ELEVE ELEVE_ID="{rank}"/>' for rank in range(10_001))),
        ("<BOURSES>", "".join(f'<BOURSE ELEVE_ID="{rank}"/>' for rank in range(10_001))),
    ],
    ids=["students", "options", "classes", "scholarships"],
)
def test_a_document_that_speaks_of_more_students_than_any_school_has_is_refused(place: str, rows: str) -> None:
    with pytest.raises(FichierTropVolumineux, match="plus de 10000 élèves"):
        eleves(ONE.replace(place, place + rows).encode("iso-8859-15"))


def test_what_is_said_of_a_student_again_and_again_is_kept_once() -> None:
    again = "<OPTIONS_ELEVE><CODE_MATIERE>061300</CODE_MATIERE></OPTIONS_ELEVE>"
    read = eleves(ONE.replace('<OPTION ELEVE_ID="17">', '<OPTION ELEVE_ID="17">' + again * 1000).encode("iso-8859-15"))
    assert read.eleves[0].options == (OptionLue("061300", ""), OptionLue("061300", "O"))


# What an XML document and ISO-8859-15 can both hold.
TEXT = st.text(
    st.characters(codec="iso-8859-15", exclude_categories=["Cc"], exclude_characters="\x7f"), min_size=1, max_size=40
)


@settings(max_examples=60)
@given(TEXT, TEXT, st.sampled_from([LATIN, UTF8]))
def test_any_name_is_read_as_it_was_written(nom: str, classe: str, encoding: str) -> None:
    lycee = with_student(ecole(terminales=3), 1, nom=nom, classe=classe)
    read = eleves(write_eleves(lycee, encoding=encoding)).eleves[1]
    assert read.nom_de_famille == nom.strip()
    assert read.divisions == (classe.strip(),)


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=6))
def test_a_document_overwritten_anywhere_is_refused_by_name_or_read(at: int, noise: bytes) -> None:
    good = write_eleves(ecole(terminales=3))
    at %= len(good)
    try:
        read = read_document(document(good[:at] + noise + good[at + len(noise) :]))
    except FichierRefuse:
        return
    assert isinstance(read, ElevesLus)


@pytest.mark.donnees_reelles
@pytest.mark.skipif("DONNEES_REELLES" not in os.environ, reason="DONNEES_REELLES is not set")
class TestRealExports:
    """The exports at hand: fictitious pupils in real files, one of them malformed."""

    def read(self, name: str) -> object:
        path = Path(os.environ["DONNEES_REELLES"]) / "siecle" / name
        return read_document(document(path.read_bytes(), name))

    def test_a_student_of_a_real_file_is_read(self) -> None:
        read = self.read("eleves_avec_adresse_avec_double_structure.xml")
        assert isinstance(read, ElevesLus)
        (eleve,) = read.eleves
        assert (eleve.eleve_id, eleve.mef, eleve.divisions, len(eleve.options)) == (
            "1541944",
            "10310019110",
            ("301",),
            3,
        )

    def test_the_malformed_one_is_refused_with_its_line(self) -> None:
        with pytest.raises(XmlMalForme, match="ligne 139"):
            self.read("eleves_avec_adresse_simple.xml")

    @pytest.mark.parametrize("name", ["Nomenclature.xml", "nomenclature_simple.xml", "nomenclature_tout_niveau.xml"])
    def test_real_nomenclatures_are_read(self, name: str) -> None:
        read = self.read(name)
        assert isinstance(read, NomenclatureLue)
        assert all(len(code) == 11 and mef.mefstat for code, mef in read.mefs.items())

    def test_the_parents_are_refused_as_useless(self) -> None:
        with pytest.raises(DocumentInutile):
            self.read("responsables_avec_adresses_simple.xml")
