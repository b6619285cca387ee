"""The accounts of the demonstration: who can sign in on a local platform, with secrets that everybody knows.

They are made for the establishments of the fictitious offer, so that what each may see is there to be seen. `identity`
refuses such accounts, and the keys they come with, in any other mode.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

MOT_DE_PASSE = "Tilleul-9-Passerelle-Ocre"
_DOMAIN = "demonstration.example.org"
_LYCEES = {"creteil": ("CRÉTEIL", (192, 150, 90, 60)), "rennes": ("RENNES", (130, 80))}
"""By short name: the académie as the file of lycées calls it, and how many students of terminale its lycées have."""
ACADEMIES = tuple(_LYCEES)
"""The académies of the demonstration: the first one's students are not all those of the nation."""
_FORMATIONS = 260
"""By académie: of the rarest type too there are more than a candidate who has only that one in mind wishes for."""
_MARK = "demonstration-chargee"


@dataclass(frozen=True, slots=True)
class Compte:
    """An account: the name by which `make jeton` knows it, and what identity is told of it."""

    nom_court: str
    description: str
    ligne: dict[str, Any]

    @property
    def courriel(self) -> str:
        return str(self.ligne["courriel"])


def comptes(folder: Path) -> list[Compte]:
    """The accounts for the files in `folder`: those of a lycée with formations, its neighbour's head, those above, and
    the head of a lycée of another académie.
    """
    (ici, ailleurs, *_), (loin, *_) = (lycees_of(folder, academie) for academie in ACADEMIES)
    return [
        _compte("national", "équipe nationale", "Claude", "Ferrand", "ADMIN_NATIONAL"),
        _compte("academie", "académie de Créteil", "Sacha", "Lenoir", "ADMIN_ACADEMIQUE", academie="creteil"),
        _compte("rennes", "académie de Rennes", "Noa", "Kervella", "ADMIN_ACADEMIQUE", academie="rennes"),
        _compte("chef", f"chef d'établissement, {ici}", "Camille", "Morvan", "CHEF_ETABLISSEMENT", uai=ici),
        _compte("administrateur", f"administrateur, {ici}", "Dominique", "Vasseur", "ADMIN_ETABLISSEMENT", uai=ici),
        _gestionnaire(ici),
        _compte("voisin", f"chef d'établissement, {ailleurs}", "Alix", "Bertin", "CHEF_ETABLISSEMENT", uai=ailleurs),
        _compte("lointain", f"chef d'établissement, {loin}", "Malo", "Quintin", "CHEF_ETABLISSEMENT", uai=loin),
    ]


def lycees(folder: Path) -> dict[str, int]:
    """The lycées of the demonstration that have students, with how many, académie by académie.

    The first one's SIECLE files are made and not loaded: they are there to be sent.
    """
    return {uai: terminales for academie in ACADEMIES for uai, terminales in lycees_of(folder, academie).items()}


def offre(folder: Path) -> list[str]:
    """The command of `generateur` that writes the offer and the lycées."""
    chosen = chain.from_iterable(("--academie", academie) for academie in ACADEMIES)
    return ["offre", str(folder), *chosen, "--formations", str(_FORMATIONS)]


def candidats(folder: Path) -> list[str]:
    """What tells `generateur` which candidates there are: the students, and as many others as in the nation."""
    sized = chain.from_iterable(("--lycee", f"{uai}={terminales}") for uai, terminales in lycees(folder).items())
    return ["--offre", str(folder / "offre.csv"), *sized, "--phase", "FIN_PRINCIPALE"]


def is_written(folder: Path) -> bool:
    """Whether the offer is there, with lycées of every académie: an earlier release wrote those of one only."""
    written = (folder / "offre.csv").exists() and (folder / "lycees.csv").exists()
    return written and all(lycees_of(folder, academie) for academie in ACADEMIES)


def is_loaded(folder: Path, data: Path) -> bool:
    """Whether what the demonstration holds now was loaded into the stores of `data`."""
    mark = data / _MARK
    return mark.exists() and is_written(folder) and mark.read_text(encoding="utf-8") == _fingerprint(folder)


def mark_loaded(folder: Path, data: Path) -> None:
    """Remember, beside the stores, that they hold the demonstration: what is changed there since is not put back."""
    (data / _MARK).write_text(_fingerprint(folder), encoding="utf-8")


def _fingerprint(folder: Path) -> str:
    """Of all that is loaded: the files, the accounts, and who plays the candidates' site."""
    digest = hashlib.sha256(json.dumps([[c.ligne for c in comptes(folder)], candidats(folder)]).encode())
    for path in sorted(path for path in (*folder.glob("*.csv"), *charges(folder).rglob("*")) if path.is_file()):
        digest.update(f"{path.relative_to(folder)} {path.stat().st_size} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def lycees_of(folder: Path, academie: str) -> dict[str, int]:
    """Those of an académie, by its short name: lycées with formations come first."""
    name, terminales = _LYCEES[academie]
    known = [row["uai"] for row in _rows(folder / "lycees.csv") if row["academie"] == name]
    hosts = {row["cod_uai"] for row in _rows(folder / "offre.csv")}
    return dict(zip(sorted(known, key=lambda uai: uai not in hosts), terminales, strict=False))


def a_deposer(folder: Path) -> Path:
    """Where the SIECLE files are that are there to be sent."""
    return folder / "siecle-a-deposer"


def charges(folder: Path) -> Path:
    """Where the SIECLE files are that are loaded at the start, a folder a lycée."""
    return folder / "siecle"


def _compte(court: str, description: str, prenom: str, nom: str, role: str, **where: str) -> Compte:
    return Compte(court, description, _ligne(court, prenom, nom, roles=[{"role": role, **where}]))


def _gestionnaire(uai: str) -> Compte:
    droit = {"uai": uai, "rubrique": "SIECLE", "niveau": "ECRITURE"}
    role = {"role": "GESTIONNAIRE", "uai": uai}
    ligne = _ligne("gestionnaire", "Lou", "Garnier", roles=[role], droits=[droit])
    return Compte("gestionnaire", f"gestionnaire avec le droit SIECLE, {uai}", ligne)


def _ligne(court: str, prenom: str, nom: str, **rights: Any) -> dict[str, Any]:
    administrates = any(role["role"].startswith("ADMIN_") for role in rights.get("roles", []))
    return {
        "courriel": f"{prenom}.{nom}@{_DOMAIN}".lower(),
        "prenom": prenom,
        "nom": nom,
        "mot_de_passe": MOT_DE_PASSE,
        "totp": totp(court),
        **({"mobile": _mobile(court)} if administrates else {}),
        **rights,
    }


def _mobile(court: str) -> str:
    """The number of an administrator, which has to have one; only the catcher is ever sent anything."""
    return f"+3360000{int(hashlib.sha256(court.encode()).hexdigest(), 16) % 10_000:04d}"


def totp(nom_court: str) -> str:
    """The TOTP secret of an account of the demonstration (base32), the same each time."""
    letters = "".join(c for c in nom_court.upper() if c.isalpha())
    return (letters * 32)[:32]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as text:
        yield from csv.DictReader(text, delimiter=";")
