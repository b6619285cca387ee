"""`make jeton COMPTE=chef`: signs an account of the demonstration in and prints its access token.

By the real pages, the real factors and PKCE, on a platform that `make up` runs; it is of no use anywhere else, since
only the demonstration's secrets are known here.
"""

import asyncio
import os
import sys
from pathlib import Path

import httpx

from infra.local.connexion import ConnexionRefusee, Personne, sign_in
from infra.local.demonstration import MOT_DE_PASSE, Compte, comptes, totp
from infra.local.platform import Settings, read_settings
from infra.local.processes import StartFailed


def main() -> None:
    """Print the token of the account that COMPTE names, or say which there are."""
    settings, compte = asked_account("make jeton")
    sys.stdout.write(asyncio.run(access_token(settings, personne_of(compte))) + "\n")


def find_personne(folder: Path, nom_court: str) -> Personne:
    """Who signs in with the account of that name, of the demonstration whose files are in `folder`."""
    (compte,) = [compte for compte in comptes(folder) if compte.nom_court == nom_court]
    return personne_of(compte)


def personne_of(compte: Compte) -> Personne:
    """Who signs in with an account of the demonstration: its secrets are known."""
    return Personne(courriel=compte.courriel, mot_de_passe=MOT_DE_PASSE, totp=totp(compte.nom_court))


def asked_account(command: str) -> tuple[Settings, Compte]:
    """The platform, and the account of the demonstration that the argument of `command` names.

    Raises:
        SystemExit: there is none of that name; it says which there are.
    """
    try:
        settings = read_settings(os.environ)
        known = {compte.nom_court: compte for compte in comptes(settings.demonstration)}
    except (StartFailed, OSError) as error:
        raise SystemExit(f"{command}: {error}; is the platform running (make up)?") from None
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    if asked not in known:
        raise SystemExit(f"{command} COMPTE=… : one of {', '.join(known)}")
    return settings, known[asked]


async def access_token(settings: Settings, personne: Personne) -> str:
    """Sign in on the platform of these settings.

    Raises:
        SystemExit: that cannot be; it says why.
    """
    try:
        return (await sign_in(settings.identity_url, settings.ports.courriels_url, personne)).access_token
    except ConnexionRefusee as error:
        raise SystemExit(f"make jeton: {error}") from None
    except httpx.HTTPError as error:
        raise SystemExit(
            f"make jeton: {str(error) or type(error).__name__}; is the platform running (make up)?"
        ) from None
    except TimeoutError:
        catcher, log = settings.ports.courriels_url, settings.logs / "identity.log"
        raise SystemExit(f"make jeton: no code came by mail: look at {catcher}/ and into {log}") from None


if __name__ == "__main__":
    main()
