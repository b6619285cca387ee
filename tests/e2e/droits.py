"""Rights given and taken one by one on the running platform, what each one opens, and who has heard of it."""

from dataclasses import dataclass

from kit.mongo import Document, open_database
from tests.e2e.depots import Frontend

LECTEURS = ("offre", "eleves", "pilotage", "rapports")
"""The services that keep a copy of what identity decides, by its events."""

_DONNER = "mutation($e: DonnerDroitInput!) { donnerDroit(entree: $e) { refus { code message } } }"
_RETIRER = "mutation($e: RetirerDroitInput!) { retirerDroit(entree: $e) { refus { code message } } }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demande:
    """A question that only who holds a right is answered; its variables are `uai` and `compte`, somebody else's.

    Args:
        niveau: of the right, at least.
        service: which decides.
        refus: the code by which the others are refused.
    """

    niveau: str = "LECTURE"
    query: str
    service: str
    refus: str = "NON_AUTORISE"

    @property
    def port(self) -> str:
        """Where that service answers itself."""
        return f"{self.service.upper()}_PORT"


DEMANDES = {
    "ELEVES": Demande(query="query($uai: ID!) { eleves(uai: $uai) { totalCount } }", service="eleves"),
    "PILOTAGE": Demande(query="query($uai: ID!) { indicateurs(uai: $uai) { session } }", service="pilotage"),
    "RAPPORTS": Demande(query="query($uai: ID!) { rapports(uai: $uai) { totalCount } }", service="rapports"),
    "UTILISATEURS": Demande(
        niveau="ECRITURE",
        query="query($compte: ID!) { compte(id: $compte) { nom } }",
        service="identity",
        # Of whom one does not manage nothing is said, not even that there is somebody.
        refus="INTROUVABLE",
    ),
}
"""By rubric."""


async def compte_of(client: Frontend) -> str:
    """The account of someone who is signed in."""
    return str((await client.ask("{ moi { id } }"))["data"]["moi"]["id"])


async def give_right(giver: Frontend, compte: str, uai: str, rubrique: str, niveau: str = "LECTURE") -> None:
    """Give a right; on return it is acknowledged."""
    entree = {"compte": compte, "uai": uai, "rubrique": rubrique, "niveau": niveau}
    answer = await giver.ask(_DONNER, e=entree)
    assert answer["data"]["donnerDroit"]["refus"] == []


async def take_right(taker: Frontend, compte: str, uai: str, rubrique: str) -> None:
    """Take a right away; on return that is acknowledged."""
    answer = await taker.ask(_RETIRER, e={"compte": compte, "uai": uai, "rubrique": rubrique})
    assert answer["data"]["retirerDroit"]["refus"] == []


async def told_of_right(mongodb_uri: str, compte: str, rubrique: str) -> list[str]:
    """The services that were told that the account holds the right, and not since that it does not."""
    held = await copies(mongodb_uri, "habilitations", compte)
    return [name for name, copy in held.items() if any(d["rubrique"] == rubrique for d in copy.get("droits", ()))]


async def told_of_end(mongodb_uri: str, session: str) -> list[str]:
    """The services that were told that a session has ended."""
    return [name for name, copy in (await copies(mongodb_uri, "revocations", session)).items() if copy]


async def copies(mongodb_uri: str, collection: str, id: str) -> dict[str, Document]:
    """What each service was told of it by the events, and not by asking; empty where nothing."""
    found = {}
    for name in LECTEURS:
        database = open_database(mongodb_uri, name)
        found[name] = await database[collection].find_one({"_id": id}) or {}
        database.client.close()
    return found
