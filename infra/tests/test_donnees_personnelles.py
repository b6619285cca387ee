"""The register of personal data: nothing that is kept is left out of it."""

import importlib

from infra.donnees_personnelles import LAYOUTS, page
from infra.environment import SERVICES
from infra.topics import load


def test_every_collection_and_every_topic_has_its_line_with_purpose_readers_and_duration() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert all(len(row) in (5, 6) and all(cell.strip("| ") for cell in row) for row in rows)
    named = sorted(row[0].strip("| `") for row in rows)
    collections = []
    for path in LAYOUTS.values():
        module, _, layout = path.partition(":")
        collections += [one.name for one in getattr(importlib.import_module(module), layout).collections]
    assert named == sorted([*collections, *(topic.name for topic in load())])


def test_every_service_is_in_it() -> None:
    assert LAYOUTS.keys() == SERVICES.keys()
