"""The vivier initial on the running platform: what comes before its freeze is in it, what comes after is not; every
figure is counted again from the files, of the school, its académie and the nation.
"""

from fractions import Fraction
from pathlib import Path

import pytest

from generateur.ecoles import Ecole, alter, generate_ecole
from generateur.fautes import FauteEleve, with_faults
from generateur.siecle import ELEVES, write_eleves, zipped
from infra.local import demonstration
from kit.mongo import open_database
from kit.testing.waiting import eventually
from tests.e2e.affichage import (
    Comparaison,
    frontend,
    has_followed,
    read_figures,
    require_exact,
    require_no_small_rest,
    require_offer,
    require_students,
    series_of,
    show,
)
from tests.e2e.candidats import SEED, SESSION, draw_arrivals, publish, write_states
from tests.e2e.depots import Frontend
from tests.e2e.fichiers import Files, read_demonstration
from tests.e2e.recompte import Recompte
from tests.e2e.running import Up

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


async def test_after_its_freeze_the_vivier_initial_stays_while_students_leave_and_come(up: Up, tmp_path: Path) -> None:
    files = await read_demonstration(up.folder / "demonstration")
    ici, *_ = files.lycees
    administrator = await frontend(up, "administrateur")
    await move_freeze(up, None)
    first = generate_ecole(ici, session=SESSION, terminales=files.lycees[ici], seed=SEED)
    second = next_file(first, seed=1, absents=4, sortis=3, arrivees=9)
    third = next_file(second, seed=2, absents=7, sortis=6, arrivees=22)
    sent = [await send(administrator, tmp_path, ecole) for ecole in (first, second)]
    await move_freeze(up, "2025-01-10")
    sent.append(await send(administrator, tmp_path, third))
    arrivals = draw_arrivals(files, [second, third])
    await publish(up.settings, arrivals)
    later = write_states(tmp_path / "arrivees.jsonl", arrivals)
    expected = files.recount(sent, avant_le_gel=sent[:2], plus_tard=[later])
    require_telling(expected, ici)
    await require_shown(up, files, expected)


def next_file(ecole: Ecole, *, seed: int, absents: int, sortis: int, arrivees: int) -> Ecole:
    """The lycée a month later: some students are not in the file any more, some have a date of departure in it, some
    have come, and a tenth has changed in one thing.
    """
    later = alter(ecole, part=0.1, seed=seed, departs=absents, arrivees=arrivees)
    return with_faults(later, {FauteEleve.SORTI: sortis}, seed=seed)


async def move_freeze(up: Up, fermeture: str | None) -> None:
    """Give Créteil its own day for the vivier initial; on return `eleves` knows of it."""
    closing = () if fermeture is None else ("--fermeture", fermeture)
    override = ("deroger", str(SESSION), "creteil", "VIVIER_INITIAL", "--ouverture", "2024-11-13", *closing)
    await up.command("services.pilotage", *override)
    database = open_database(up.settings.ports.mongodb_uri, "eleves")

    async def known() -> bool:
        held = await database.calendriers_projetes.find_one({"_id": str(SESSION)})
        own = [] if held is None else held["derogations"]
        return [d["fermeture"] for d in own if d["code"] == "VIVIER_INITIAL"] == [fermeture]

    await eventually(known, within=20)
    database.client.close()


async def send(administrator: Frontend, folder: Path, ecole: Ecole) -> Path:
    """Send the file of the lycée as it is now, and return it: every row of it was taken."""
    path = folder / f"{ecole.exportee_le:%Y-%m-%d}.zip"
    path.write_bytes(zipped(ELEVES, write_eleves(ecole)))
    ended = await administrator.ended(await administrator.deposit(ecole.uai, {path.name: path.read_bytes()}))
    assert ended["etat"] == "TERMINE"
    assert ended["rapport"]["rejetees"] == 0
    return path


def require_telling(expected: Recompte, uai: str) -> None:
    """The files are such that a confusion of the two viviers would be seen, at every échelon."""
    for place in (expected.lycee(uai), expected.academie("creteil"), expected.nation()):
        assert place.vivier != place.vivier_initial
        assert Fraction(place.inscrits, place.vivier) != place.taux_participation
    school = expected.lycee(uai)
    assert (school.vivier, school.vivier_initial) == (192 - 7 + 9 - 13 + 22, 192 - 7 + 9)


async def require_shown(up: Up, files: Files, expected: Recompte) -> None:
    """Every figure shown to the head, to its neighbour and to the head of another académie is the recount's."""
    ici, voisin, *_ = files.lycees
    far, *_ = demonstration.lycees_of(files.folder, "rennes")
    courts = {ici: "chef", voisin: "voisin", far: "lointain"}
    heads = {uai: await frontend(up, court) for uai, court in courts.items()}

    async def followed() -> bool:
        return has_followed(await show(heads), expected)

    await eventually(followed, within=60)
    shown = await show(heads)
    compared = Comparaison()
    for uai, etablissement in shown.items():
        found, own = etablissement["indicateurs"], series_of(expected, "lycee", uai)
        require_exact(found["etablissement"], own)
        require_offer(uai, etablissement, expected)
        await require_students(heads[uai], uai, etablissement, expected)
        academie = "rennes" if uai == far else "creteil"
        compared.compare(found["academie"], series_of(expected, "academie", academie), connus=own)
        compared.compare(found["nation"], series_of(expected, "nation", ""), connus=own)
        require_no_small_rest(found["academie"], found["nation"])
    assert compared.comptes > 60
    assert compared.taux > 40
    around = shown[ici]["indicateurs"]
    assert read_figures(around["academie"]["ensemble"]) == expected.academie("creteil")
    assert read_figures(around["nation"]["ensemble"]) == expected.nation()
