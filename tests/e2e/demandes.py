"""Asking at the doors of the running platform, as an account of the demonstration or anybody."""

from typing import Any

from infra.local.connexion import Jetons, sign_in
from infra.local.jeton import find_personne
from kit.http import open_client
from tests.e2e.running import Up

SERVICES = ("IDENTITY_PORT", "OFFRE_PORT", "ELEVES_PORT", "PILOTAGE_PORT", "RAPPORTS_PORT")
UAI = "0779000P"
OPERATION = """
query Tout($uai: ID!) {
  moi { id prenom nom courriel droits { rubrique } }
  etablissement(uai: $uai) {
    nom
    formations(first: 5) { edges { node { id libelle rapport { etat chiffres { places voeuxConfirmes } } } } }
  }
  eleves(uai: $uai, first: 5) { totalCount edges { node { nom classe } } }
  rapports(uai: $uai, first: 5) { totalCount edges { node { libelle etat chiffres { places voeuxConfirmes } } } }
  indicateurs(uai: $uai) { etablissement { ensemble { vivier inscrits } } nation { ensemble { vivier inscrits } } }
}
"""
RACINES = {
    "identity": "moi",
    "offre": "etablissement",
    "eleves": "eleves",
    "pilotage": "indicateurs",
    "rapports": "rapports",
}
"""The services that it asks, each with the field at its root that this one gives."""

DEPOSER = """
mutation($u: ID!, $f: [FichierInput!]!) {
  demanderDepot(uai: $u, fichiers: $f) { fichiers { url } refus { code message } }
}
"""


async def jetons(up: Up, court: str) -> Jetons:
    """Sign an account of the demonstration in."""
    personne = find_personne(up.folder / "demonstration", court)
    return await sign_in(up.url("IDENTITY_PORT"), up.url("PORT_COURRIELS"), personne)


async def ask(
    up: Up, token: str | None, query: str, *, port: str = "PASSERELLE_PORT", **variables: Any
) -> dict[str, Any]:
    """The whole GraphQL answer of the gateway, or of the service at that port; without a token, nobody asks."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with open_client(base_url=up.url(port), headers=headers, timeout=20) as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
    found: dict[str, Any] = answer.json()
    return found
