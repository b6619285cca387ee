"""Who reads which topic: what infra/topics.yaml declares, and rights are given by, is what services subscribe to."""

from collections import defaultdict

import pytest

from infra import topics
from kit.mongo import open_database
from services.eleves.consumers import subscriptions as of_eleves
from services.identity.consumers import subscriptions as of_identity
from services.offre.app import subscriptions as of_offre
from services.pilotage.consumers import subscriptions as of_pilotage
from services.rapports.consumers import subscriptions as of_rapports


@pytest.mark.asyncio
async def test_the_declared_readers_of_each_topic_are_the_services_that_subscribe_to_it() -> None:
    database = open_database("mongodb://127.0.0.1:1/", "jamais_lue")
    subscribed = {
        "eleves": of_eleves(database, topics.OUVERTES),
        "identity": of_identity(database),
        "offre": of_offre(database),
        "pilotage": of_pilotage(database, topics.OUVERTES),
        "rapports": of_rapports(database, topics.OUVERTES),
    }
    readers: dict[str, set[str]] = defaultdict(set)
    # By `verifier-audit`, from its start, each time.
    readers["identity.sceaux.v1"].add("identity")
    # By nobody yet: it is for pilotage, which does not count accounts today.
    readers["identity.comptes.v1"] = set()
    for service, subscriptions in subscribed.items():
        for subscription in subscriptions:
            readers[subscription.topic].add(service)
            # What takes rights away waits for nothing else (ADR 014).
            assert (subscription.lane == "droits") == subscription.topic.startswith("identity.")
    assert {topic.name: set(topic.readers) for topic in topics.load()} == dict(readers)
    database.client.close()
