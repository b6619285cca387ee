"""What is asked of the calendar."""

from collections.abc import Awaitable, Callable
from typing import Any

from kit.http import open_client
from kit.testing.serving import Serving

QUERY = "query($a: String) { calendrier(session: 2025, academie: $a) { fenetres { code fermeture fuseau } } }"
FIXER = """
mutation($s: Int! = 2025, $f: FenetreInput!) {
  fixerFenetre(session: $s, fenetre: $f) {
    calendrier { fenetres { code fermeture fuseau } } refus { code champ message }
  }
}
"""
DEROGER = """
mutation($s: Int! = 2025, $a: String! = "La Réunion", $f: FenetreInput!) {
  derogerFenetre(session: $s, academie: $a, fenetre: $f) {
    calendrier { fenetres { code fermeture fuseau } } refus { code champ message }
  }
}
"""
RETIRER = """
mutation($s: Int! = 2025, $a: String! = "La Réunion") {
  retirerDerogation(session: $s, academie: $a, code: INSCRIPTION_VOEUX) {
    calendrier { fenetres { code fermeture fuseau } } refus { code champ message }
  }
}
"""
VOEUX = {
    "code": "INSCRIPTION_VOEUX",
    "ouverture": "2025-01-15",
    "fermeture": "2025-03-14",
    "fuseau": "Indian/Reunion",
}

type Steer = Callable[..., Awaitable[dict[str, Any]]]
"""Asks as the national team does: the query, and its variables by name."""


async def ask(serving: Serving, headers: dict[str, str], query: str, **variables: Any) -> dict[str, Any]:
    async with open_client(base_url=serving.url, headers=headers) as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
    found: dict[str, Any] = answer.json()
    return found


def wishes(answer: dict[str, Any]) -> dict[str, str]:
    """The window of wishes of a calendar that was asked for."""
    (found,) = [f for f in answer["fenetres"] if f["code"] == "INSCRIPTION_VOEUX"]
    return {"fermeture": found["fermeture"], "fuseau": found["fuseau"]}
