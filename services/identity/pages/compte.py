"""A person's own account: who it is, how it signs in, and where it is signed in."""

from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.audit import Acte, Issue, Recherche
from services.identity.domain.facteurs import Facteur
from services.identity.pages.contexte import Contexte, see
from services.identity.pages.personne import act, own, proof
from services.identity.pages.suites import COMPTE, CONNEXIONS
from services.identity.store.cles_d_acces import list_cles
from services.identity.store.facteurs import find_facteurs
from services.identity.store.secours import count_left
from services.identity.usecases.audit import read_own
from services.identity.usecases.coordonnees import pending_address
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.ouvertes import close_one, close_others, list_open

_PARIS = ZoneInfo("Europe/Paris")
_DERNIERES = 10
_FAITS = {
    "adresse-demandee": "Un lien de confirmation vient d'être envoyé à la nouvelle adresse.",
    "adresse-annulee": "La demande de nouvelle adresse est annulée.",
    "mobile": "Votre numéro de mobile est enregistré.",
    "mobile-retire": "Votre numéro de mobile est retiré.",
    "mot-de-passe": "Votre mot de passe est changé ; vos autres connexions ont été fermées.",
    "application": "Votre application de codes est enregistrée.",
    "application-retiree": "Votre application de codes est retirée.",
}
"""What was done on another page, by the name that it gives in the address of this one."""

_FACTEURS = {
    Facteur.MOT_DE_PASSE: "mot de passe",
    Facteur.EMPLOYEUR: "identité de l'employeur",
    Facteur.CLE: "clé d'accès",
    Facteur.TOTP: "application",
    Facteur.COURRIEL: "code par courriel",
    Facteur.SMS: "code par SMS",
    Facteur.SECOURS: "code de secours",
}
"""How a connection was proved; that a key checked its owner goes without saying."""


def routes(contexte: Contexte) -> list[Route]:
    """The account, and its connections."""
    return [
        Route(COMPTE, own(contexte, COMPTE, _show), methods=["GET"]),
        Route(CONNEXIONS, own(contexte, CONNEXIONS, _connections), methods=["GET"]),
        Route(CONNEXIONS, act(contexte, CONNEXIONS, _close, _connections), methods=["POST"]),
    ]


def done(fait: str) -> Response:
    """Back to the account, which says what was done."""
    return see(f"{COMPTE}?fait={fait}")


def in_paris(moment: datetime | None) -> str:
    """A moment as people here read it."""
    return "" if moment is None else f"{moment.astimezone(_PARIS):%d/%m/%Y à %H h %M}"


async def _show(contexte: Contexte, request: Request, connecte: Connecte) -> Response:
    deps, compte = contexte.deps, connecte.compte
    facteurs = await find_facteurs(deps.database, compte.id)
    return contexte.rendu.page(
        "compte",
        fait=_FAITS.get(request.query_params.get("fait", "")),
        compte=compte,
        attendue=await pending_address(deps, compte),
        cles=len(await list_cles(deps.database, compte.id)),
        cles_offertes=deps.site is not None,
        application=facteurs is not None and facteurs.totp is not None,
        secours=await count_left(deps.database, compte.id),
        employeurs=bool(deps.employeurs),
        ouvertes=len(await list_open(deps, connecte)),
        preuve=proof(contexte, request),
    )


async def _connections(
    contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None
) -> Response:
    lignes = await read_own(contexte.deps, connecte.compte, Recherche(acte=Acte.CONNEXION), first=_DERNIERES)
    return contexte.rendu.page(
        "connexions",
        refus=refus,
        ouvertes=[
            {
                "id": ouverte.session.id,
                "depuis": in_paris(ouverte.session.preuve.le),
                "moyens": _named(ouverte.session.preuve.amr),
                "applications": ", ".join(_client(contexte, client) for client in ouverte.clients),
                "actuelle": ouverte.actuelle,
            }
            for ouverte in await list_open(contexte.deps, connecte)
        ],
        dernieres=[
            {
                "le": in_paris(lue.ligne.le),
                "reussie": lue.ligne.issue is Issue.FAITE,
                "moyens": _named(lue.ligne.detail.get("facteurs", "").split()),
                "adresse": lue.adresse,
            }
            for lue in lignes
        ],
        preuve=proof(contexte, request),
    )


async def _close(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    if (session := fields.get("session")) is None:
        await close_others(contexte.deps, connecte)
    else:
        await close_one(contexte.deps, connecte, session)
    return see(CONNEXIONS)


def _named(amr: tuple[str, ...] | list[str]) -> str:
    return ", ".join(_FACTEURS[Facteur(value)] for value in amr if value in _FACTEURS)


def _client(contexte: Contexte, id: str) -> str:
    client = contexte.serveur.query_client(id)
    return id if client is None else client.declaration.nom
