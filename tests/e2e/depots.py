"""Sending SIECLE files as a frontend does: announced through the gateway, put where it says, followed to the end."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.connexion import sign_in
from infra.local.jeton import find_personne
from infra.local.platform import Settings
from kit.http import open_client
from kit.testing.waiting import POLL_SECONDS, eventually

_DEMANDER = """
mutation($uai: ID!, $fichiers: [FichierInput!]!) {
  demanderDepot(uai: $uai, fichiers: $fichiers) { import { id } fichiers { url } refus { code message } }
}
"""
_SUIVRE = """
query($id: ID!) {
  importSiecle(id: $id) {
    etat refus { code message }
    rapport { acceptees nouveaux modifies inchanges partis rejetees }
  }
}
"""
_FINIS = frozenset({"TERMINE", "REFUSE", "ECHOUE"})


@dataclass(frozen=True, slots=True)
class Frontend:
    """Someone signed in, at the gateway."""

    gateway: str
    token: str

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole GraphQL answer."""
        async with open_client(headers=self._headers, timeout=20) as client:
            answer = await client.post(f"{self.gateway}/graphql", json={"query": query, "variables": variables})
        found: dict[str, Any] = answer.json()
        return found

    async def announce(self, uai: str, fichiers: Mapping[str, bytes]) -> dict[str, Any]:
        """Ask where to send these files: the whole GraphQL answer."""
        return await self.ask(
            _DEMANDER,
            uai=uai,
            fichiers=[
                {"nom": nom, "taille": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for nom, content in fichiers.items()
            ],
        )

    async def deposit(self, uai: str, fichiers: Mapping[str, bytes]) -> str:
        """Send these files; on return they are acknowledged. The id of the import."""
        announced = await self.announce(uai, fichiers)
        depot = announced["data"]["demanderDepot"]
        assert depot["refus"] == []
        async with open_client(headers=self._headers, timeout=20) as client:
            for fichier, content in zip(depot["fichiers"], fichiers.values(), strict=True):
                answer = await client.put(fichier["url"], content=content)
                assert answer.status_code == 202, answer.text
        return str(depot["import"]["id"])

    async def ended(self, id: str, *, within: float = 60.0, every: float = POLL_SECONDS) -> dict[str, Any]:
        """The import once it is over, asked for again and again, whatever is away meanwhile."""

        async def over() -> dict[str, Any] | None:
            answer = await self.ask(_SUIVRE, id=id)
            found: dict[str, Any] | None = (answer.get("data") or {}).get("importSiecle")
            return found if found is not None and found["etat"] in _FINIS else None

        found = await eventually(over, within=within, every=every)
        assert found is not None
        return found

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


async def sign_in_as(settings: Settings, court: str) -> Frontend:
    """An account of the demonstration, signed in on the platform of these settings."""
    personne = find_personne(settings.demonstration, court)
    jetons = await sign_in(settings.identity_url, settings.ports.courriels_url, personne)
    return Frontend(settings.gateway_url.removesuffix("/graphql"), jetons.access_token)
