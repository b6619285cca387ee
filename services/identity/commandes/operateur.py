"""How an operator's commands reach the store."""

import sys
from collections.abc import Awaitable, Callable
from getpass import getpass
from pathlib import Path

from kit.app.command_line import Commands
from kit.mongo import Database
from kit.settings import Mode
from kit.vault.keys import KeysMissing
from kit.vault.sealing import Unopenable
from services.identity.app import create_app
from services.identity.consumers import subscriptions
from services.identity.deps import Deps, make_deps
from services.identity.schema.graphe import SCHEMA
from services.identity.settings import IdentitySettings
from services.identity.store.work import LAYOUT
from services.identity.usecases.cles import RestaurationInachevee, SecretsDeDemonstration, open_keys

COMMANDS = Commands(
    name="identity",
    settings=IdentitySettings,
    http_port=lambda settings: settings.identity_port,
    app=create_app,
    layout=LAYOUT,
    schema=SCHEMA,
    subscriptions=subscriptions,
)


def run[T](command: Callable[[Deps], Awaitable[T]]) -> T:
    """Run `command` over the store, brought up to date, with its keys; what is refused is said, with status 1."""
    settings = COMMANDS.load()
    vault = settings.open_vault()

    async def body(database: Database) -> T:
        await LAYOUT.migrate(database)
        deps = make_deps(settings, database, vault)
        try:
            await open_keys(deps, local=settings.mode is Mode.LOCAL)
            return await command(deps)
        except (KeysMissing, Unopenable, SecretsDeDemonstration, RestaurationInachevee) as error:
            raise SystemExit(str(error)) from None
        finally:
            deps.hasher.close()

    return COMMANDS.run(body)


def read_password(*, from_stdin: bool, file: Path | None) -> str | None:
    """The password that a command was given, never on its command line; None when it was given none."""
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    if not from_stdin:
        return None
    if sys.stdin.isatty():
        return getpass("Mot de passe : ")
    return sys.stdin.readline().rstrip("\r\n")
