"""`apres-restauration`: what follows when the store was restored from a backup (architecture §12)."""

from typing import Any

import click
from google.protobuf.message import Message

from kit.consumer import rebuild
from kit.consumer.messages import Batch
from kit.consumer.subscriptions import Outcome, Subscription
from kit.mongo import Database
from proto.identity.v1 import audit_pb2, habilitations_pb2
from services.identity.battements import TOPIC as BATTEMENTS
from services.identity.commandes.operateur import COMMANDS
from services.identity.deps import make_deps
from services.identity.settings import IdentitySettings
from services.identity.store.audit import TOPIC as SCEAUX
from services.identity.store.comptes import HABILITATIONS
from services.identity.store.work import LAYOUT
from services.identity.usecases.restauration import Bilan, Publie, begin, finish


def add_to(group: click.Group) -> None:
    """Add the command to `group`."""
    group.add_command(after_restoration)


@click.command(
    "apres-restauration",
    help="Void what a backup brought back, and tell the other services; with the service stopped, before it starts.",
)
def after_restoration() -> None:
    """Say what was done; after a crash, run it again."""
    settings = COMMANDS.load()

    async def body(database: Database) -> Bilan:
        return await take_note(settings, database)

    bilan = COMMANDS.run(body)
    click.echo(f"génération {bilan.generation} : {bilan.publies} comptes publiés de nouveau")
    click.echo(f"{bilan.disparus} comptes créés depuis la sauvegarde ne sont plus connus")
    click.echo(f"{bilan.effaces} comptes effacés depuis et {bilan.desactives} désactivés depuis le sont de nouveau")
    for id in bilan.a_verifier:
        click.echo(f"à vérifier : le compte {id} avait changé depuis la sauvegarde")
    click.echo("sessions, jetons, liens et codes d'avant ne valent plus : le service peut démarrer")


async def take_note(settings: IdentitySettings, database: Database) -> Bilan:
    """Do all that a restoration asks for.

    Raises:
        Unavailable: Kafka does not answer: nobody knows what the others were last told.
    """
    published = await _read(settings, HABILITATIONS, habilitations_pb2.Habilitations)
    generations = [published, await _read(settings, SCEAUX, audit_pb2.Sceau)]
    generations.append(await _read(settings, BATTEMENTS, habilitations_pb2.Battement))
    last = max((event.version.generation for events in generations for event in events.values()), default=0)
    await LAYOUT.migrate(database)
    deps = make_deps(settings, database, settings.open_vault())
    try:
        await begin(deps, generation_publiee=last)
        await deps.trousseau.load()
        return await finish(deps, published)
    finally:
        deps.hasher.close()


async def _read[M: Message](settings: IdentitySettings, topic: str, kind: type[M]) -> dict[str, Publie]:
    """The last that a topic says of each key."""
    held: dict[str, Publie] = {}

    async def keep(batch: Batch[Any]) -> Outcome:
        for event in batch:
            before = held.get(event.key)
            if before is None or before.version < event.version:
                actif = bool(getattr(event.message, "actif", False))
                held[event.key] = Publie(event.version, event.message is not None, actif)
        return Outcome(len(batch))

    await rebuild.replay(
        Subscription(topic=topic, kind=kind, handle=keep),
        bootstrap_servers=settings.kafka_bootstrap_servers,
        prefix=settings.prefixe_topics,
    )
    return held
