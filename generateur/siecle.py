"""The files that SIECLE would export of a fictitious lycée: XML, and the zip that holds it (domaine.md §5.1)."""

import html
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date

from generateur.ecoles import Ecole, EleveFictif
from generateur.nomenclature import MEFS

LATIN, UTF8 = "ISO-8859-15", "UTF-8"
ELEVES, ELEVES_ADRESSES = "ElevesSansAdresses", "ElevesAvecAdresses"
STRUCTURES, NOMENCLATURE = "Structures", "Nomenclature"


def write_eleves(ecole: Ecole, *, encoding: str = LATIN, version: str = "3.0", adresses: bool = False) -> bytes:
    """The students of a lycée, with their options, classes and scholarships, and their addresses if asked for."""
    return _document(_eleves_lines(ecole, version=version, adresses=adresses), encoding)


def write_structures(ecole: Ecole, *, encoding: str = LATIN) -> bytes:
    """The classes of a lycée."""
    return _document(_structures_lines(ecole), encoding)


def write_nomenclature(ecole: Ecole, *, encoding: str = LATIN) -> bytes:
    """The modules of formation that a lycée may use."""
    return _document(_nomenclature_lines(ecole), encoding)


def zipped(name: str, content: bytes) -> bytes:
    """`ExportXML_<name>.zip`: an archive of `<name>.xml`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(_member(f"{name}.xml"), content)
    return archive.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    # A fixed time: the same seed gives the same bytes.
    member = zipfile.ZipInfo(name, date_time=(2024, 12, 9, 8, 30, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _document(lines: Iterable[str], encoding: str) -> bytes:
    text = "\n".join((f'<?xml version="1.0" encoding="{encoding}"?>', *lines, ""))
    return text.encode(encoding, "xmlcharrefreplace")


def _tag(name: str, value: str | None) -> str:
    return f"<{name}>{html.escape(value, quote=False)}</{name}>" if value is not None else f"<{name}/>"


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _parametres(ecole: Ecole) -> Iterator[str]:
    yield "  <PARAMETRES>"
    yield "    " + _tag("UAJ", ecole.uai)
    yield "    " + _tag("ANNEE_SCOLAIRE", str(ecole.session - 1))
    yield "    " + _tag("DATE_EXPORT", _day(ecole.exportee_le))
    yield "    " + _tag("HORODATAGE", f"{ecole.exportee_le:%d/%m/%Y %H:%M:%S}")
    yield "  </PARAMETRES>"


def _eleves_lines(ecole: Ecole, *, version: str, adresses: bool) -> Iterator[str]:
    yield f'<BEE_ELEVES VERSION="{version}">'
    yield from _parametres(ecole)
    yield "  <DONNEES>"
    yield "    <ELEVES>"
    for eleve in ecole.eleves:
        yield from _eleve(eleve, ecole)
    yield "    </ELEVES>"
    yield "    <OPTIONS>"
    for eleve in ecole.eleves:
        yield from _options(eleve)
    yield "    </OPTIONS>"
    yield "    <STRUCTURES>"
    for eleve in ecole.eleves:
        yield from _structures(eleve)
    yield "    </STRUCTURES>"
    yield "    <BOURSES>"
    for eleve in ecole.eleves:
        if eleve.bourse is not None:
            yield f'      <BOURSE_ELEVE ELEVE_ID="{eleve.eleve_id}">'
            yield "        " + _tag("CODE_BOURSE", eleve.bourse)
            yield "      </BOURSE_ELEVE>"
    yield "    </BOURSES>"
    yield "    <ADRESSES>"
    for eleve in ecole.eleves if adresses else ():
        yield from _adresse(eleve)
    yield "    </ADRESSES>"
    yield "  </DONNEES>"
    yield "</BEE_ELEVES>"


def _eleve(eleve: EleveFictif, ecole: Ecole) -> Iterator[str]:
    prenoms = (*eleve.prenoms, None, None)
    values = {
        "ID_NATIONAL": eleve.ine_rnie,
        "INE_BEA": eleve.ine_bea,
        "INE_RNIE": eleve.ine_rnie,
        "ELENOET": eleve.eleve_id,
        "ID_ELEVE_ETAB": eleve.eleve_id.zfill(11),
        "NOM_DE_FAMILLE": eleve.nom,
        "NOM_USAGE": eleve.nom_usage,
        "PRENOM": prenoms[0],
        "PRENOM2": prenoms[1],
        "PRENOM3": prenoms[2],
        "DATE_NAISS": _day(eleve.naissance),
        "DOUBLEMENT": str(int(eleve.doublement)),
        "CODE_PAYS": "100",
        "ACCEPTE_SMS": "0",
        "DATE_MODIFICATION": _day(ecole.exportee_le),
        "CODE_REGIME": eleve.regime,
        "DATE_ENTREE": _day(eleve.entree),
        "VILLE_NAISS": None,
        "MEL": eleve.courriel,
        "CODE_SEXE": eleve.sexe,
        "CODE_PAYS_NAT": "100",
        "CODE_STATUT": eleve.statut,
        "CODE_MEF": eleve.mef.code,
        "ADHESION_TRANSPORT": "0",
        "CODE_PROVENANCE": "1",
        **({"CODE_MOTIF_SORTIE": "40", "DATE_SORTIE": _day(eleve.sortie)} if eleve.sortie else {}),
        **eleve.balises,
    }
    yield f'      <ELEVE ELEVE_ID="{eleve.eleve_id}" ELENOET="{eleve.eleve_id}">'
    for name, value in values.items():
        yield "        " + _tag(name, value)
    yield "        <SCOLARITE_AN_DERNIER>"
    yield "          " + _tag("CODE_RNE", ecole.uai)
    yield "          " + _tag("DENOM_PRINC", "LYCEE GENERAL ET TECHNOLOGIQUE")
    yield "        </SCOLARITE_AN_DERNIER>"
    yield "      </ELEVE>"


def _options(eleve: EleveFictif) -> Iterator[str]:
    if not eleve.options:
        return
    yield f'      <OPTION ELEVE_ID="{eleve.eleve_id}" ELENOET="{eleve.eleve_id}">'
    for rank, (matiere, modalite) in enumerate(eleve.options, 1):
        yield "        <OPTIONS_ELEVE>"
        yield "          " + _tag("NUM_OPTION", str(rank))
        yield "          " + _tag("CODE_MODALITE_ELECT", modalite)
        yield "          " + _tag("CODE_MATIERE", matiere)
        yield "        </OPTIONS_ELEVE>"
    yield "      </OPTION>"


def _structures(eleve: EleveFictif) -> Iterator[str]:
    if eleve.classe is None:
        return
    yield f'      <STRUCTURES_ELEVE ELEVE_ID="{eleve.eleve_id}" ELENOET="{eleve.eleve_id}">'
    for code, kind in ((eleve.classe, "D"), (f"_{eleve.classe[:6]}G", "G")):
        yield "        <STRUCTURE>"
        yield "          " + _tag("CODE_STRUCTURE", code)
        yield "          " + _tag("TYPE_STRUCTURE", kind)
        yield "        </STRUCTURE>"
    yield "      </STRUCTURES_ELEVE>"


def _adresse(eleve: EleveFictif) -> Iterator[str]:
    yield f'      <ADRESSE ADRESSE_ID="{eleve.eleve_id}">'
    yield "        " + _tag("LIGNE1_ADRESSE", f"{int(eleve.eleve_id) % 90 + 1} rue des Écoliers")
    yield "        " + _tag("CODE_POSTAL", "99999")
    yield "        " + _tag("CODE_PAYS", "100")
    yield "        " + _tag("LIBELLE_POSTAL", "VILLECLAIRE")
    yield "      </ADRESSE>"


def _structures_lines(ecole: Ecole) -> Iterator[str]:
    yield '<BEE_STRUCTURES VERSION="2.0">'
    yield from _parametres(ecole)
    yield "  <DONNEES>"
    yield "    <DIVISIONS>"
    for code in ecole.divisions:
        mefs = dict.fromkeys(eleve.mef.code for eleve in ecole.eleves if eleve.classe == code)
        yield f'      <DIVISION CODE_STRUCTURE="{html.escape(code)}">'
        yield "        " + _tag("LIBELLE_LONG", f"Classe {code}")
        yield "        <MEFS_APPARTENANCE>"
        for mef in mefs:
            yield f'          <MEF_APPARTENANCE CODE_MEF="{mef}"/>'
        yield "        </MEFS_APPARTENANCE>"
        yield "      </DIVISION>"
    yield "    </DIVISIONS>"
    yield "  </DONNEES>"
    yield "</BEE_STRUCTURES>"


def _nomenclature_lines(ecole: Ecole) -> Iterator[str]:
    yield '<BEE_NOMENCLATURES VERSION="3.1">'
    yield from _parametres(ecole)
    yield "  <DONNEES>"
    yield "    <MEFS>"
    for mef in MEFS:
        yield f'      <MEF CODE_MEF="{mef.code}">'
        yield "        " + _tag("FORMATION", mef.formation)
        yield "        " + _tag("LIBELLE_LONG", mef.libelle)
        yield "        " + _tag("MEF_RATTACHEMENT", mef.code)
        yield "        " + _tag("CODE_MEFSTAT", mef.mefstat)
        yield "      </MEF>"
    yield "    </MEFS>"
    yield "  </DONNEES>"
    yield "</BEE_NOMENCLATURES>"
