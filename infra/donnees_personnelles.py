"""Writes docs/donnees-personnelles.md, the register of what is kept of whom, from what each collection and topic
declares: `python -m infra.donnees_personnelles [--check]` (architecture §11).

The page is in French, as what they declare: a data protection officer reads it.
"""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.topics import Topic, load

_PAGE = Path(__file__).resolve().parents[1] / "docs/donnees-personnelles.md"
LAYOUTS = {
    "identity": "services.identity.store.work:LAYOUT",
    "offre": "services.offre.store:LAYOUT",
    "eleves": "services.eleves.store.work:LAYOUT",
    "pilotage": "services.pilotage.store.layout:LAYOUT",
    "rapports": "services.rapports.store.collections:LAYOUT",
}
_HOUR_MS = 3_600_000
_HEADER = """# Données personnelles : registre

Engendré par `make docs` à partir de ce que chaque collection et chaque topic déclare : à quoi servent les données, qui
les lit, combien de temps elles sont gardées. Chaque service a sa base, que nul autre ne lit ; les personnes y ont un
identifiant opaque, et ni adresse, ni nom, ni INE ne figure dans une clé, une adresse web, une trace ou un journal
technique.
"""
_TOPICS = """## Topics

Chacun a ses lettres mortes, lues par les mêmes et gardées 30 jours. Ceux dont le nom commence par une académie existent
pour chacune d'elles.
"""


def page() -> str:
    """The page as it should be."""
    parts = [_HEADER]
    for name, path in LAYOUTS.items():
        module, _, layout = path.partition(":")
        collections = getattr(importlib.import_module(module), layout).collections
        parts.append(f"## `{name}`\n\n{_collections(collections)}")
    return "\n".join([*parts, _TOPICS, _topics(load())])


def _collections(collections: Iterable[Any]) -> str:
    rows = ["| collection | usage | lecteurs | durée | champs |", "|---|---|---|---|---|"]
    for one in sorted(collections, key=lambda collection: collection.name):
        fields = ", ".join(f"`{field}`" for field in sorted({*one.required, *one.optional}))
        rows.append(f"| `{one.name}` | {one.purpose} | {one.readers} | {one.kept} | {fields} |")
    return "\n".join(rows) + "\n"


def _topics(topics: Iterable[Topic]) -> str:
    rows = ["| topic | usage | écrit par | lu par | nominatif | durée |", "|---|---|---|---|---|---|"]
    for one in sorted(topics, key=lambda topic: topic.name):
        readers = ", ".join(one.readers) or "personne encore"
        nominative = "oui" if one.nominative else "non"
        rows.append(f"| `{one.name}` | {one.purpose} | {one.writer} | {readers} | {nominative} | {_kept(one)} |")
    return "\n".join(rows) + "\n"


def _kept(topic: Topic) -> str:
    if topic.keep_ms is not None:
        return f"{topic.keep_ms // _HOUR_MS} h"
    erased = " ; effacé du disque en un jour et demi" if topic.nominative else ""
    return f"le dernier état de chaque clé, jusqu'à son effacement{erased}"


def main() -> None:
    """Write the page, or with --check say whether it is up to date."""
    if "--check" in sys.argv:
        if not _PAGE.exists() or _PAGE.read_text(encoding="utf-8") != page():
            raise SystemExit("docs/donnees-personnelles.md is not up to date: make docs")
        return
    _PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
