"""Files as the national open data publish them, for the tests."""

import csv
import io
from pathlib import Path

from socle.identifiants import uai_letter

COLUMNS = (
    "cod_uai",
    "g_ea_lib_vx",
    "contrat_etab",
    "acad_mies",
    "lib_for_voe_ins",
    "fili",
    "select_form",
    "g_olocalisation_des_formations",
    "capa_fin",
    "voe_tot",
)
UAI = "0940001" + uai_letter("0940001")
GOOD = {
    "cod_uai": UAI,
    "g_ea_lib_vx": "Lycée des Tilleuls",
    "contrat_etab": "Public",
    "acad_mies": "Créteil",
    "lib_for_voe_ins": "BTS - Comptabilité et gestion",
    "fili": "BTS",
    "select_form": "formation sélective",
    "g_olocalisation_des_formations": "48.79, 2.45",
    "capa_fin": "30",
    "voe_tot": "412",
}


def table(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS, separator: str = ";") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=separator, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path
