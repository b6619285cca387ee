"""identity as it runs: over the real store and broker, its pages over HTTP, its mail into the catcher."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiosmtpd.controller import Controller
from ulid import ULID

from infra.local.connexion import Boite, Navigateur, Personne
from infra.local.courriels import Boite as BoiteLocale
from infra.local.courriels import _Smtp
from infra.local.courriels import create_app as create_catcher
from kit.auth.access_tokens import IssuerKeys, TokenVerifier
from kit.auth.service_tokens import create_keys
from kit.http import open_client
from kit.mongo import open_database
from kit.settings import Mode
from kit.testing.certificates import Authority
from kit.testing.serving import free_port, serve
from kit.testing.topics import create
from kit.testing.waiting import eventually
from kit.vault.sealing import create_local_key
from services.identity.app import create_app
from services.identity.deps import Deps, make_deps
from services.identity.domain.comptes import Compte
from services.identity.domain.mobiles import is_mandatory
from services.identity.mfa.totp import new_secret
from services.identity.rpc import CALLERS
from services.identity.settings import IdentitySettings
from services.identity.store.work import LAYOUT
from services.identity.usecases.chargement import CompteDeDemonstration, load_accounts
from services.identity.usecases.cles import open_keys
from services.identity.usecases.comptes import NouveauCompte, find_by_address
from services.identity.usecases.droits import change_compte
from socle.principal import Droit, RoleTenu
from socle.rubriques import Role

TOPICS = (
    "identity.habilitations.v1",
    "identity.comptes.v1",
    "identity.revocations.v1",
    "identity.battements.v1",
    "identity.sceaux.v1",
    "offre.etablissements.v1",
    "pilotage.calendriers.v1",
)
MOT_DE_PASSE = "parapluie cobalt sous la treille"


@dataclass(frozen=True, slots=True)
class Identity:
    """A running provider, and a second access to its store, as another process of the service would have."""

    settings: IdentitySettings
    deps: Deps
    courriels: str
    browsers: list[Navigateur] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.settings.identity_url

    @property
    def verifier(self) -> TokenVerifier:
        """Checks access tokens as every service does, by the keys that are published."""
        return TokenVerifier(IssuerKeys(self.url))

    async def account(
        self, *roles: RoleTenu, droits: Sequence[Droit] = (), totp: bool = True, nom: str = "Dupont"
    ) -> "Titulaire":
        """A new active account."""
        # Letters only: seven digits and a letter would be taken for an establishment's.
        unique = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex)
        courriel = f"camille.{unique}@ac-creteil.fr"
        described = CompteDeDemonstration(
            identite=NouveauCompte(
                courriel=courriel,
                nom=nom,
                prenom="Camille",
                # Only the catcher is ever sent anything.
                mobile=f"+3360000{secrets.randbelow(10_000):04d}" if is_mandatory(roles) else None,
                roles=roles,
                droits=droits,
            ),
            mot_de_passe=MOT_DE_PASSE,
            totp=new_secret() if totp else None,
        )
        bilan = await load_accounts(self.deps, [described])
        assert bilan.nouveaux == 1, bilan
        personne = Personne(courriel=courriel, mot_de_passe=MOT_DE_PASSE, totp=described.totp)
        return Titulaire(self, personne, await find_by_address(self.deps, courriel))

    @contextlib.asynccontextmanager
    async def stricter(self, *roles: Role) -> AsyncIterator[str]:
        """Another process over the same store, which asks these roles for three factors: where it answers."""
        changed = {"trois_facteurs": roles, "identity_grpc_port": free_port()}
        async with serve(create_app(self.settings.model_copy(update=changed))) as serving:
            await answers(serving.url)
            yield serving.url

    async def give_role(self, who: "Titulaire", role: RoleTenu) -> Compte:
        """What an operator's command does."""
        return await change_compte(self.deps, who.compte.id, lambda compte: compte.give_role(role))


async def answers(url: str) -> None:
    """Wait until the provider there is ready."""
    async with open_client() as client:

        async def ready() -> bool:
            return (await client.get(f"{url}/sante/pret")).status_code == 200

        await eventually(ready)


@dataclass(frozen=True, slots=True)
class Titulaire:
    """A person with an account."""

    identity: Identity
    personne: Personne
    compte: Compte

    def browser(self, **changed: str | None) -> Navigateur:
        """A new browser of that person, with other secrets where it is said so."""
        personne = replace(self.personne, **changed)  # type: ignore[arg-type] # the fields of Personne
        opened = Navigateur(self.identity.url, personne, Boite(self.identity.courriels))
        self.identity.browsers.append(opened)
        return opened


@pytest.fixture(scope="session")
async def catcher() -> AsyncIterator[tuple[int, str]]:
    """The mail catcher: its SMTP port, and where its messages are read."""
    boite, smtp_port = BoiteLocale(), free_port()
    smtp = Controller(_Smtp(boite), hostname="127.0.0.1", port=smtp_port)
    smtp.start()
    async with serve(create_catcher(boite)) as serving:
        yield smtp_port, serving.url
    smtp.stop()


@pytest.fixture(scope="session")
async def identity_settings(
    mongodb_uri: str,
    kafka_bootstrap_servers: str,
    catcher: tuple[int, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[IdentitySettings]:
    """Settings of a provider of this run, whose topics exist; both are removed after it."""
    keys: Path = tmp_path_factory.mktemp("cles")
    create_keys(keys, ("identity", *sorted(CALLERS)))
    create_local_key(keys / "identity-maitre.cle")
    authority = Authority(keys)
    certificate, key = authority.certify()
    prefix = f"t{str(ULID()).lower()}"
    port = free_port()
    settings = IdentitySettings(
        mode=Mode.LOCAL,
        mongodb_uri=mongodb_uri,
        kafka_bootstrap_servers=kafka_bootstrap_servers,
        prefixe_topics=f"{prefix}.",
        prefixe_bases=f"{prefix}_",
        identity_url=f"http://127.0.0.1:{port}",
        identity_port=port,
        identity_grpc_port=free_port(),
        cles_services=keys,
        grpc_certificat=certificate,
        grpc_cle=key,
        grpc_autorite=authority.certificate,
        smtp_url=f"smtp://127.0.0.1:{catcher[0]}",
        sms_url=f"{catcher[1]}/sms",
        # What a hash costs is measured by `make bench`, not paid by each test.
        argon2_memoire_kio=1024,
        argon2_passes=1,
        # Every test is at the same address.
        essais_par_adresse=100_000,
        essais_par_reseau=100_000,
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await admin.start()
    names = [f"{prefix}.{topic}{suffix}" for topic in TOPICS for suffix in ("", ".dlq")]
    await create(admin, names)
    yield settings
    await admin.delete_topics(names)
    await admin.close()
    database = open_database(mongodb_uri, f"{prefix}_identity")
    await database.client.drop_database(database.name)
    database.client.close()


@pytest.fixture(scope="session")
async def identity(identity_settings: IdentitySettings, catcher: tuple[int, str]) -> AsyncIterator[Identity]:
    """A running provider."""
    settings = identity_settings
    async with serve(create_app(settings), port=settings.identity_port):
        await answers(settings.identity_url)
        database = open_database(settings.mongodb_uri, f"{settings.prefixe_bases}identity")
        deps = make_deps(settings, database, settings.open_vault())
        await deps.trousseau.load()
        running = Identity(settings, deps, catcher[1])
        yield running
        for browser in running.browsers:
            await browser.aclose()
        deps.hasher.close()
        database.client.close()


@pytest.fixture
async def alone(identity_settings: IdentitySettings, catcher: tuple[int, str]) -> AsyncIterator[Identity]:
    """A provider that is not running, whose store and topics no other test has."""
    prefix, port = f"t{str(ULID()).lower()}", free_port()
    settings = identity_settings.model_copy(
        update={
            "prefixe_topics": f"{prefix}.",
            "prefixe_bases": f"{prefix}_",
            "identity_url": f"http://127.0.0.1:{port}",
            "identity_port": port,
            "identity_grpc_port": free_port(),
        }
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    names = [f"{prefix}.{topic}{suffix}" for topic in TOPICS for suffix in ("", ".dlq")]
    await create(admin, names)
    database = open_database(settings.mongodb_uri, f"{prefix}_identity")
    await LAYOUT.migrate(database)
    deps = make_deps(settings, database, settings.open_vault())
    await open_keys(deps, local=True)
    yield Identity(settings, deps, catcher[1])
    deps.hasher.close()
    await admin.delete_topics(names)
    await admin.close()
    await database.client.drop_database(database.name)
    database.client.close()
