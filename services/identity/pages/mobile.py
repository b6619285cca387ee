"""One's own mobile number, and the code that proves it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.errors import Refusal
from services.identity.domain.mobiles import is_mandatory
from services.identity.pages.compte import done
from services.identity.pages.contexte import Contexte, see
from services.identity.pages.personne import act, own, proof, sign_in_again
from services.identity.pages.suites import MOBILE
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.mobiles import change_mobile, pending_mobile, prove_mobile, remove_mobile


def routes(contexte: Contexte) -> list[Route]:
    """The page of the number, its code, and doing without."""
    return [
        Route(MOBILE, own(contexte, MOBILE, _page), methods=["GET"]),
        Route(MOBILE, act(contexte, MOBILE, _change, _page), methods=["POST"]),
        Route(f"{MOBILE}/code", act(contexte, MOBILE, _prove, _page), methods=["POST"]),
        Route(f"{MOBILE}/retrait", act(contexte, MOBILE, _remove, _page), methods=["POST"]),
    ]


async def _page(contexte: Contexte, request: Request, connecte: Connecte, refus: Refusal | None = None) -> Response:
    return contexte.rendu.page(
        "mobile",
        refus=refus,
        mobile=connecte.compte.mobile,
        attendu=await pending_mobile(contexte.deps, connecte),
        facultatif=not is_mandatory(connecte.compte.roles, a_mobile=contexte.deps.a_mobile),
        reconnexion=sign_in_again(contexte, connecte, MOBILE),
        preuve=proof(contexte, request),
    )


async def _change(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    to_be_proved = await change_mobile(contexte.deps, connecte, fields.get("mobile", ""))
    return see(MOBILE) if to_be_proved else done("mobile")


async def _prove(contexte: Contexte, connecte: Connecte, fields: dict[str, str]) -> Response:
    await prove_mobile(contexte.deps, connecte, fields.get("code", ""))
    return done("mobile")


async def _remove(contexte: Contexte, connecte: Connecte, _fields: dict[str, str]) -> Response:
    await remove_mobile(contexte.deps, connecte)
    return done("mobile-retire")
