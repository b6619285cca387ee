"""Signing in with the identity of an employer, and linking it to one's account (ADR 034)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kit.errors import Refusal
from services.identity.condensats import condensat, new_secret
from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.domain.comptes import Compte
from services.identity.domain.employeurs import (
    DUREE_DEMANDE,
    But,
    EmployeurInconnu,
    Fraicheur,
    Identite,
    IdentiteDejaLiee,
    IdentiteHorsPerimetre,
    IdentiteNonLiee,
    RetourRefuse,
    fresh,
)
from services.identity.employeurs.avis import letter_linked, letter_unlinked
from services.identity.employeurs.fournisseur import Fournisseur, Secrets
from services.identity.store.comptes import find_compte
from services.identity.store.etablissements import academies_by_uai
from services.identity.store.identites import DemandeEmployeur, IdentiteLiee, find_identite, identites_of
from services.identity.store.work import Work
from services.identity.usecases.audit import note, note_refused
from services.identity.usecases.avis import notify
from services.identity.usecases.connexion import begin_by_employer
from services.identity.usecases.jetons import Connecte
from services.identity.usecases.recence import require_held, sensitive_own
from services.identity.usecases.tentatives import require_entry

_PARIS = ZoneInfo("Europe/Paris")


def find_employeur(deps: Deps, id: str) -> Fournisseur:
    """The provider of a declared employer.

    Raises:
        EmployeurInconnu: none is declared by that id.
    """
    fournisseur = deps.employeurs.get(id)
    if fournisseur is None:
        raise EmployeurInconnu
    return fournisseur


async def ask_to_sign_in(
    deps: Deps,
    fournisseur: Fournisseur,
    visite: str,
    *,
    demande: str,
    acr: int = 1,
    max_age: timedelta | None = None,
    a_neuf: bool = False,
) -> str:
    """Where to send a person to, for its employer to say who it is; `visite` is the secret its browser holds.

    `demande` is the query to go on with; it asks for so many factors (`acr`), shown so recently, or anew.

    Raises:
        TropDeDemandes: see `require_entry`.
        EmployeurInjoignable: the employer's provider does not answer.
    """
    await require_entry(deps, "employeur", visite)
    fraicheur = fresh(a_neuf=a_neuf, max_age=max_age, now=deps.clock(), duree_session=deps.duree_session)
    return await _ask(deps, fournisseur, _of_visit(visite), But.CONNEXION, fraicheur, demande=demande, acr=acr)


@sensitive_own(Acte.IDENTITE_LIEE)
async def ask_to_link(deps: Deps, connecte: Connecte, fournisseur: Fournisseur) -> str:
    """Where to send a person who is signed in, to show the identity to link; the employer asks it who it is anew.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
        EmployeurInjoignable: the employer's provider does not answer.
        IdentiteHorsPerimetre: the employer has no say everywhere the account has something.
    """
    await _require_within(deps, fournisseur, connecte.compte)
    fraicheur = Fraicheur(depuis=deps.clock(), nouvelle=True)
    return await _ask(deps, fournisseur, _of_session(connecte), But.LIEN, fraicheur, compte=connecte.compte.id)


async def _ask(
    deps: Deps,
    fournisseur: Fournisseur,
    navigateur: str,
    but: But,
    fraicheur: Fraicheur,
    *,
    demande: str = "",
    acr: int = 1,
    compte: str | None = None,
) -> str:
    state, now = new_secret(), deps.clock()
    url = await fournisseur.authorization_url(_secrets(deps, navigateur, state), fraicheur, now=now)
    asked = DemandeEmployeur(
        condensat=condensat(state),
        employeur=fournisseur.id,
        navigateur=condensat(navigateur),
        but=but,
        demande=demande,
        acr=acr,
        fraicheur=fraicheur,
        cree_le=now,
        expire_le=now + DUREE_DEMANDE,
        compte=compte,
    )

    async def body(work: Work) -> None:
        await work.identites.ask(asked)

    await deps.transact(body)
    return url


async def find_asked(
    deps: Deps, fournisseur: Fournisseur, retour: Mapping[str, str], *, visite: str | None, connecte: Connecte | None
) -> tuple[DemandeEmployeur, Secrets]:
    """What an answer is to: asked by this browser, in its visit or in its session; it is answered once.

    Raises:
        RetourRefuse: this browser asked nothing such, or that was answered before.
    """
    state = retour.get("state", "")
    held = [_of_visit(visite)] if visite else []
    held += [_of_session(connecte)] if connecte else []
    secrets = {condensat(secret): secret for secret in held}

    async def body(work: Work) -> DemandeEmployeur:
        asked = await work.identites.answered(condensat(state), now=deps.clock())
        if asked is None or asked.employeur != fournisseur.id or asked.navigateur not in secrets:
            # Not used up by whoever did not ask.
            raise RetourRefuse(fournisseur.nom)
        return asked

    try:
        demande = await deps.transact(body)
    except RetourRefuse as refus:
        await note_refused(deps, Acte.CONNEXION, refus.code)
        raise
    return demande, _secrets(deps, secrets[demande.navigateur], state)


async def identify(
    deps: Deps, fournisseur: Fournisseur, retour: Mapping[str, str], demande: DemandeEmployeur, secrets: Secrets
) -> Identite:
    """Whom the employer has shown.

    Raises:
        RetourRefuse: nobody; or its answer is not to be believed.
        EmployeurInjoignable: its provider does not answer.
    """
    try:
        return await fournisseur.identify(retour, secrets, demande.fraicheur)
    except Refusal as refus:
        acte = Acte.IDENTITE_LIEE if demande.but is But.LIEN else Acte.CONNEXION
        par = None if demande.compte is None else Partie(id=demande.compte)
        await note_refused(deps, acte, refus.code, par=par)
        raise


async def sign_in(
    deps: Deps, fournisseur: Fournisseur, demande: DemandeEmployeur, identite: Identite, *, navigateur: str | None
) -> str:
    """Begin the sign-in of the account that is linked to the identity: the secret of its cookie.

    `navigateur` is the secret by which this browser is known, if it has one.

    Raises:
        IdentiteNonLiee: none is, or none that may sign in.
        IdentiteHorsPerimetre: the employer has no say everywhere the account has something.
    """
    linked = await find_identite(deps.database, _fingerprint(deps, identite))
    compte = None if linked is None else await find_compte(deps.database, linked.compte)
    if compte is None or not compte.actif:
        cible = None if compte is None else Partie.of(compte)
        await note_refused(deps, Acte.CONNEXION, IdentiteNonLiee.code, cible=cible)
        raise IdentiteNonLiee(fournisseur.nom)
    try:
        await _require_within(deps, fournisseur, compte)
    except IdentiteHorsPerimetre as refus:
        await note_refused(deps, Acte.CONNEXION, refus.code, cible=Partie.of(compte))
        raise
    return await begin_by_employer(
        deps,
        compte,
        identite.faits,
        vu_le=identite.authentifie_le,
        demande=demande.demande,
        acr=demande.acr,
        navigateur=navigateur,
    )


async def link(deps: Deps, fournisseur: Fournisseur, identite: Identite, connecte: Connecte) -> None:
    """Link the identity to the account in whose session it was asked for; its owner is told by e-mail.

    Raises:
        PreuveTropAncienne: the session has ended meanwhile.
        IdentiteDejaLiee: it is another account's, or the account has another of that employer.
    """
    compte, empreinte = connecte.compte, _fingerprint(deps, identite)
    linked = IdentiteLiee(empreinte=empreinte, compte=compte.id, employeur=fournisseur.id, liee_le=deps.clock())

    async def body(work: Work) -> None:
        await require_held(deps, work, connecte)
        if not await work.identites.link(linked):
            raise IdentiteDejaLiee(
                f"Cette identité « {fournisseur.nom} » est déjà liée à un compte, ou votre compte à une autre : "
                "déliez d'abord celle qui l'est, depuis le compte où elle se trouve."
            )
        await note(deps, work, Acte.IDENTITE_LIEE, par=Partie.of(compte), detail={"employeur": fournisseur.id})
        await notify(deps, work, compte, letter_linked(compte.prenom, fournisseur.nom))

    try:
        await deps.transact(body)
    except IdentiteDejaLiee as refus:
        held = await find_identite(deps.database, empreinte)
        if held is not None and held.compte == compte.id:
            return
        await note_refused(deps, Acte.IDENTITE_LIEE, refus.code, par=Partie.of(compte))
        raise
    deps.mail_written()


@sensitive_own(Acte.IDENTITE_DELIEE)
async def unlink(deps: Deps, connecte: Connecte, employeur: str) -> None:
    """Unlink what the account is linked to at an employer, which may be declared no more; its owner is told.

    Raises:
        PreuveTropAncienne: see `sensitive_own`.
    """
    compte = connecte.compte
    declared = deps.employeurs.get(employeur)

    async def body(work: Work) -> bool:
        await require_held(deps, work, connecte)
        if not await work.identites.unlink(compte.id, employeur):
            return False
        await note(deps, work, Acte.IDENTITE_DELIEE, par=Partie.of(compte), detail={"employeur": employeur})
        await notify(deps, work, compte, letter_unlinked(compte.prenom, declared.nom if declared else employeur))
        return True

    if await deps.transact(body):
        deps.mail_written()


@dataclass(frozen=True, slots=True)
class Lien:
    """An employer as the page of one's own links shows it: `liee_le` is None where it can be linked, and is not."""

    employeur: str
    nom: str
    liee_le: datetime | None

    @property
    def depuis(self) -> str:
        """The day, in Paris."""
        return "" if self.liee_le is None else f"{self.liee_le.astimezone(_PARIS):%d/%m/%Y}"


async def links_of(deps: Deps, compte: Compte) -> Sequence[Lien]:
    """What the account is linked to, and what else it may be linked to."""
    held = {identite.employeur: identite for identite in await identites_of(deps.database, compte.id)}
    academies = await academies_by_uai(deps.database, compte.etablissements)
    linked = [
        Lien(id, deps.employeurs[id].nom if id in deps.employeurs else id, identite.liee_le)
        for id, identite in held.items()
    ]
    others = [
        Lien(id, fournisseur.nom, None)
        for id, fournisseur in deps.employeurs.items()
        if id not in held and fournisseur.perimetre.covers(compte, academies)
    ]
    return sorted([*linked, *others], key=lambda lien: (lien.liee_le is None, lien.nom))


async def _require_within(deps: Deps, fournisseur: Fournisseur, compte: Compte) -> None:
    academies = await academies_by_uai(deps.database, compte.etablissements)
    if not fournisseur.perimetre.covers(compte, academies):
        raise IdentiteHorsPerimetre(fournisseur.nom)


def _of_visit(secret: str) -> str:
    return f"visite/{secret}"


def _of_session(connecte: Connecte) -> str:
    """No browser can say so by itself: which session it has is known here."""
    return f"session/{connecte.session.id}"


def _secrets(deps: Deps, navigateur: str, state: str) -> Secrets:
    """Made again of the `state` that comes back and of what the browser holds: what is kept would answer for nobody."""
    said = f"{navigateur}/{state}"
    return Secrets(
        state=state,
        nonce=deps.trousseau.empreinte("employeur-nonce", said),
        verificateur=deps.trousseau.empreinte("employeur-verificateur", said),
    )


def _fingerprint(deps: Deps, identite: Identite) -> str:
    """What stands for an identity in keys: which provider, and its name for the person, appear in none."""
    return deps.trousseau.empreinte("identite", f"{identite.emetteur}\n{identite.sujet}")
