"""Commands on the audit trail: verify it, export it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from kit.consumer import rebuild
from kit.consumer.messages import Batch
from kit.consumer.subscriptions import Outcome, Subscription
from proto.identity.v1 import audit_pb2
from services.identity.commandes.operateur import COMMANDS, run
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Recherche
from services.identity.domain.sceaux import Anomalie, Defaut, Publie
from services.identity.settings import IdentitySettings
from services.identity.store.audit import TOPIC
from services.identity.tableur import WRITERS
from services.identity.usecases.audit import OPERATEUR_LECTEUR, Constat, export, verify

_DEFAUTS = {
    Defaut.SCEAU_ABSENT: "ce sceau manque, avec ses lignes",
    Defaut.CHAINE_ROMPUE: "ce sceau ne tient plus celui d'avant, qui a été refait",
    Defaut.LIGNES_EN_MOINS: "des lignes ont été retirées sous ce sceau",
    Defaut.LIGNES_EN_TROP: "des lignes ont été ajoutées sous ce sceau",
    Defaut.LIGNES_MODIFIEES: "une ligne au moins a été modifiée sous ce sceau",
    Defaut.LIGNE_ANTIDATEE: "une ligne au moins, sous ce sceau, dit dater de bien avant lui",
    Defaut.LIGNES_SANS_SCEAU_CONNU: "des lignes se disent sous un sceau qui n'existe pas",
    Defaut.ADRESSES_MODIFIEES: "une adresse au moins, sous ce sceau, a été changée, ou retirée avant son terme",
    Defaut.PUBLIE_AUTREMENT: "ce sceau n'est pas celui qui a été publié",
    Defaut.FIN_COUPEE: "la fin du journal manque à partir d'ici : des sceaux publiés n'y sont plus",
    Defaut.PERDU_A_LA_RESTAURATION: "la base a été restaurée avant ce sceau, et des sceaux publiés n'y sont plus : "
    "si cette restauration a bien eu lieu, donnez sa génération dans --restauration",
}


def add_to(group: click.Group) -> None:
    """Add the commands to `group`."""
    for command in (verify_command, export_command):
        group.add_command(command)


@click.command("verifier-audit", help="Check the audit trail against its seals, and these against what was published.")
@click.option(
    "--restauration",
    "restaurations",
    type=click.IntRange(min=2),
    multiple=True,
    help="A generation that began with a restoration you know of; may be repeated.",
)
def verify_command(restaurations: tuple[int, ...]) -> None:
    """Say what was found; status 1 if a line was removed or changed, or the end cut off."""
    settings = COMMANDS.load()

    async def body(deps: Deps) -> Constat:
        return await verify(deps, await read_published(settings), restaurations=frozenset(restaurations))

    constat = run(body)
    click.echo(f"{constat.sceaux} sceaux, {constat.lignes} lignes vérifiées")
    for anomalie in constat.anomalies:
        click.echo(_said(anomalie), err=True)
    if constat.sans_sceau:
        click.echo(f"{constat.sans_sceau} lignes de plus d'une minute n'ont pas de sceau", err=True)
    if not constat.sain:
        raise SystemExit(1)
    click.echo("journal intact")


def _said(anomalie: Anomalie) -> str:
    when = "" if anomalie.le is None else f" du {anomalie.le:%d/%m/%Y à %H:%M:%S} UTC"
    return f"sceau {anomalie.numero}{when} : {_DEFAUTS[anomalie.defaut]}"


async def read_published(settings: IdentitySettings) -> list[Publie]:
    """The seals that the topic still has: at least the last of each day."""
    published: list[Publie] = []

    async def keep(batch: Batch[audit_pb2.Sceau]) -> Outcome:
        for received in batch:
            if (said := received.message) is not None:
                found = Publie(generation=said.generation, numero=said.numero, condensat=said.condensat.hex())
                published.append(found)
        return Outcome(len(batch))

    await rebuild.replay(
        Subscription(topic=TOPIC, kind=audit_pb2.Sceau, handle=keep),
        bootstrap_servers=settings.kafka_bootstrap_servers,
        prefix=settings.prefixe_topics,
    )
    return published


_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.command("exporter-audit", help="Write the audit trail to a file; that it was exported is itself written.")
@click.option("--sortie", type=click.Path(path_type=Path, dir_okay=False, writable=True), required=True)
@click.option("--format", "kind", type=click.Choice(sorted(WRITERS)), default="csv", show_default=True)
@click.option("--uai", help="Of this establishment only.")
@click.option("--compte", help="Of this account only: its identifier.")
@click.option("--acte", type=click.Choice([acte.value for acte in Acte]), help="Of this kind only.")
@click.option("--depuis", type=_MOMENT, help="From that moment on (UTC).")
@click.option("--jusqu-au", type=_MOMENT, help="Before that moment (UTC).")
def export_command(
    sortie: Path,
    kind: str,
    uai: str | None,
    compte: str | None,
    acte: str | None,
    depuis: datetime | None,
    jusqu_au: datetime | None,
) -> None:
    """Say how many lines were written."""
    recherche = Recherche(
        uai=uai,
        compte=compte,
        acte=None if acte is None else Acte(acte),
        depuis=None if depuis is None else depuis.replace(tzinfo=UTC),
        jusqu_au=None if jusqu_au is None else jusqu_au.replace(tzinfo=UTC),
    )

    async def body(deps: Deps) -> int:
        with sortie.open("wb") as file:
            return await WRITERS[kind](export(deps, OPERATEUR_LECTEUR, recherche), file)

    click.echo(f"{run(body)} lignes écrites dans {sortie}")
