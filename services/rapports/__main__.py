"""`python -m services.rapports`: the common commands."""

from kit.app.command_line import Commands
from services.rapports.app import create_app
from services.rapports.consumers import subscriptions
from services.rapports.schema import SCHEMA
from services.rapports.settings import RapportsSettings
from services.rapports.store import LAYOUT

COMMANDS = Commands(
    name="rapports",
    settings=RapportsSettings,
    http_port=lambda settings: settings.rapports_port,
    app=create_app,
    layout=LAYOUT,
    schema=SCHEMA,
    subscriptions=subscriptions,
)
main = COMMANDS.group()

if __name__ == "__main__":
    main()
