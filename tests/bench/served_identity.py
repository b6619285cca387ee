"""`identity` in a process of its own, as shipped but for its spans, and people who sign in to it."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ulid import ULID

from infra.local.connexion import Boite, Navigateur, Personne
from infra.local.courriels import Boite as BoiteLocale
from infra.local.courriels import create_app as create_catcher
from kit.auth import service_tokens
from kit.mongo import Database, open_database
from kit.settings import Mode
from kit.testing.serving import free_port, serve
from kit.vault.sealing import create_local_key
from services.identity.deps import Deps, make_deps
from services.identity.mfa.totp import new_secret
from services.identity.rpc import CALLERS
from services.identity.settings import IdentitySettings
from services.identity.store.work import LAYOUT
from services.identity.tests.conftest import TOPICS
from services.identity.usecases.chargement import CompteDeDemonstration, load_accounts
from services.identity.usecases.cles import open_keys
from services.identity.usecases.comptes import NouveauCompte
from socle.principal import RoleTenu
from socle.rubriques import Role
from tests.bench.processus import Instance, create_topics

MOT_DE_PASSE = "parapluie cobalt sous la treille"
_SANS_LIMITE = 100_000
_ROLE = RoleTenu(role=Role.GESTIONNAIRE, uai="0940001A")


@dataclass(frozen=True, slots=True)
class Served:
    """The processes, over one store, and a second access to it."""

    instances: Sequence[Instance]
    settings: IdentitySettings
    deps: Deps
    courriels: str

    @property
    def urls(self) -> Sequence[str]:
        """Where each of them answers."""
        return [instance.url for instance in self.instances]

    async def people(self, count: int) -> list[Personne]:
        """New active accounts, each with an application."""
        run = str(ULID())[-12:].lower()
        described = [
            CompteDeDemonstration(
                identite=NouveauCompte(
                    courriel=f"camille.{run}.p{n:05d}q@ac-creteil.fr", nom="Dupont", prenom="Camille", roles=[_ROLE]
                ),
                mot_de_passe=MOT_DE_PASSE,
                totp=new_secret(),
            )
            for n in range(count)
        ]
        bilan = await load_accounts(self.deps, described)
        assert bilan.nouveaux == count, bilan
        return [Personne(courriel=one.identite.courriel, mot_de_passe=MOT_DE_PASSE, totp=one.totp) for one in described]

    def browser(self, personne: Personne, *, url: str = "") -> Navigateur:
        """A browser of that person, at the first process unless another is named."""
        return Navigateur(url or self.urls[0], personne, Boite(self.courriels))


@asynccontextmanager
async def serve_identity(
    mongodb_uri: str, kafka: str, folder: Path, *, instances: int = 1, cheap_hash: bool = False
) -> AsyncIterator[Served]:
    """Serve it over an empty store; with `cheap_hash` a password costs next to nothing."""
    run = str(ULID()).lower()
    keys = folder / run
    service_tokens.create_keys(keys, ("identity", *sorted(CALLERS)))
    create_local_key(keys / "identity-maitre.cle")
    ports = [free_port() for _ in range(instances)]
    memory, passes = (64, 1) if cheap_hash else (65_536, 3)
    settings = IdentitySettings(
        mode=Mode.LOCAL,
        mongodb_uri=mongodb_uri,
        kafka_bootstrap_servers=kafka,
        prefixe_topics=f"{run}.",
        prefixe_bases=f"bench_{run}_",
        identity_url=f"http://127.0.0.1:{ports[0]}",
        identity_port=ports[0],
        identity_grpc_port=free_port(),
        cles_services=keys,
        argon2_memoire_kio=memory,
        argon2_passes=passes,
        # Everybody is at one address here, and fails there.
        essais_par_adresse=_SANS_LIMITE,
        essais_par_reseau=_SANS_LIMITE,
    )
    database = open_database(mongodb_uri, f"{settings.prefixe_bases}identity")
    async with AsyncExitStack() as stack:
        await LAYOUT.migrate(database)
        deps = make_deps(settings, database, settings.open_vault())
        stack.callback(deps.hasher.close)
        await open_keys(deps, local=True)
        await create_topics(kafka, settings.prefixe_topics, TOPICS)
        running = [Instance("identity", _environment(settings, port), f"http://127.0.0.1:{port}") for port in ports]
        stack.push_async_callback(_drop, database, running)
        for instance in running:
            stack.push_async_callback(instance.stop)
            await instance.start()
        catcher = await stack.enter_async_context(serve(create_catcher(BoiteLocale())))
        yield Served(running, settings, deps, courriels=catcher.url)
    database.client.close()


async def _drop(database: Database, instances: Sequence[Instance]) -> None:
    """Drop the database, unless a process was killed: its transactions stay open for a minute, and the embedded store
    lets nobody else in while it waits with a drop. Then it goes with the store itself, at the end of the run.
    """
    if not any(instance.killed for instance in instances):
        await database.client.drop_database(database.name)


def _environment(settings: IdentitySettings, port: int) -> dict[str, str]:
    return os.environ | {
        "MODE": "local",
        "MONGODB_URI": settings.mongodb_uri,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "PREFIXE_TOPICS": settings.prefixe_topics,
        "PREFIXE_BASES": settings.prefixe_bases,
        # Of all of them, as behind one proxy.
        "IDENTITY_URL": settings.identity_url,
        "IDENTITY_PORT": str(port),
        "IDENTITY_GRPC_PORT": str(free_port()),
        "CLES_SERVICES": str(settings.cles_services),
        "ARGON2_MEMOIRE_KIO": str(settings.argon2_memoire_kio),
        "ARGON2_PASSES": str(settings.argon2_passes),
        "ESSAIS_PAR_ADRESSE": str(settings.essais_par_adresse),
        "ESSAIS_PAR_RESEAU": str(settings.essais_par_reseau),
        "OTEL_TRACES_EXPORTER": "none",
        "LOG_LEVEL": "ERROR",
    }
