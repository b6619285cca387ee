"""One's own mobile number, proved by a code that it receives (domaine.md §3)."""

from services.identity.courrier import new_sms
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.mobiles import parse_number, require_dispensable
from services.identity.domain.tentatives import ENVOIS, sms_of_all
from services.identity.lettres.avertissements import mobile_changed
from services.identity.mfa import courriel, sms
from services.identity.store.epreuves import Epreuve, Genre
from services.identity.store.work import Work
from services.identity.usecases.audit import note
from services.identity.usecases.avis import notify
from services.identity.usecases.comptes import load
from services.identity.usecases.en_cours import mobile_fingerprint
from services.identity.usecases.epreuves import CodeInexact, digits, judged, purpose, same
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import require_held, sensitive_own
from services.identity.usecases.tentatives import TropDEnvois, require_try


@sensitive_own(Acte.MOBILE_DEMANDE)
async def change_mobile(deps: Deps, connecte: Connecte, numero: str) -> bool:
    """Give the account that number: at once where no SMS can be sent; else once it is proved, and this is True.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        MobileRefuse: it is no number, or receives no SMS.
        TropDEnvois: too many codes were sent.
    """
    mobile = parse_number(numero)
    if not deps.sms:
        await _keep(deps, connecte, mobile)
        return False
    await _require_sending(deps, connecte, mobile)
    code = courriel.new_code()
    epreuve = Epreuve(
        genre=Genre.MOBILE,
        lieu=connecte.session.id,
        compte=connecte.compte.id,
        valeur=deps.vault.seal(mobile.encode(), purpose=purpose(Genre.MOBILE, connecte)),
        empreinte=_fingerprint(deps, connecte, code),
    )

    async def body(work: Work) -> None:
        now = deps.clock()
        await require_held(deps, work, connecte)
        await work.epreuves.open(epreuve, now=now)
        await work.send(new_sms(deps.vault, sms.text(code), numero=mobile, now=now, validite=courriel.VALIDITE))
        await note(deps, work, Acte.MOBILE_DEMANDE, par=Partie.of(connecte.compte))

    await deps.transact(body)
    deps.mail_written()
    return True


async def pending_mobile(deps: Deps, connecte: Connecte) -> str | None:
    """The number that waits for its code, in this session."""
    sealed = await deps.epreuves.find_value(Genre.MOBILE, connecte.session.id, now=deps.clock())
    return None if sealed is None else deps.vault.open(sealed, purpose=purpose(Genre.MOBILE, connecte)).decode()


@sensitive_own(Acte.MOBILE_CHANGE)
async def prove_mobile(deps: Deps, connecte: Connecte, code: str) -> None:
    """Show the code that the number received: it is the account's, and receives its codes from now on.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        CodeInexact: it is wrong, was used, has expired, or was tried five times.
        TropDEssais: too many codes were tried for this account.
    """
    lieu = connecte.session.id
    async with judged(deps, connecte):
        given = _fingerprint(deps, connecte, digits(code))
        if not same(await deps.epreuves.attempt(Genre.MOBILE, lieu, now=deps.clock()), given):
            raise CodeInexact
        mobile = await pending_mobile(deps, connecte)
        if mobile is None:
            raise CodeInexact
        await _keep(deps, connecte, mobile, shown=given)


@sensitive_own(Acte.MOBILE_CHANGE)
async def remove_mobile(deps: Deps, connecte: Connecte) -> None:
    """Let the account have no number any more.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        MobileObligatoire: it is an administrator's.
    """
    require_dispensable(connecte.compte.roles, a_mobile=deps.a_mobile)
    await _keep(deps, connecte, None)


async def _keep(deps: Deps, connecte: Connecte, mobile: str | None, *, shown: str | None = None) -> None:
    async def body(work: Work) -> None:
        await require_held(deps, work, connecte)
        if shown is not None:
            used = await work.epreuves.use(Genre.MOBILE, connecte.session.id, empreinte=shown, now=deps.clock())
            if not used:
                raise CodeInexact
            await work.facteurs.set_mobile_valide(connecte.compte.id, mobile_fingerprint(deps, mobile or ""))
        held = await load(work, connecte.compte.id)
        await work.comptes.save(held.reach_at(mobile))
        await note(deps, work, Acte.MOBILE_CHANGE, par=Partie.of(held))
        await notify(deps, work, held, mobile_changed(held.prenom))

    await deps.transact(body)
    deps.mail_written()


async def _require_sending(deps: Deps, connecte: Connecte, mobile: str) -> None:
    """Counted with the codes of the sign-in: by account, by number, and for everybody together."""
    for key, regle in (
        (f"envoi-sms/{connecte.compte.id}", ENVOIS),
        (f"sms/{mobile_fingerprint(deps, mobile)}", ENVOIS),
        ("sms/plateforme", sms_of_all(deps.sms_par_heure)),
    ):
        await require_try(deps, key, regle, TropDEnvois)


def _fingerprint(deps: Deps, connecte: Connecte, code: str) -> str:
    """Six digits are too few for a bare hash: the fingerprint needs our key, and is of this session only."""
    return deps.trousseau.empreinte("code-mobile", f"{connecte.session.id}/{code}")
