"""Where the windows of the calendar are now, for what a school sends (domaine.md §2)."""

from kit.errors import Refusal, Unavailable
from services.eleves.deps import Deps
from socle.fenetres import Calendrier, CodeFenetre, EtatFenetre


class FenetreFermee(Refusal):
    """The window is not open yet, or not any more."""

    code = "FENETRE_FERMEE"


class SessionInconnue(Refusal):
    """There is no such session."""

    code = "SESSION_INCONNUE"


async def find_calendar(deps: Deps, session: int) -> Calendrier:
    """The calendar of a session.

    Raises:
        SessionInconnue: it is not known, and no year in which files could be sent now.
        Unavailable: it is not known yet.
    """
    try:
        return await deps.calendriers.get(session)
    except Unavailable:
        # Files are sent from the autumn before the year of a session until its winter (domaine.md §2).
        year = deps.campaign_clock().year
        if session in {year, year + 1}:
            raise
        raise SessionInconnue(f"La session {session} n'est pas ouverte : vérifiez l'année.", champ="session") from None


def require_open(deps: Deps, calendrier: Calendrier, academie: str) -> EtatFenetre:
    """Where the window of uploads is now.

    Raises:
        FenetreFermee: nothing is accepted; with the dates.
    """
    fenetre = calendrier.fenetre(CodeFenetre.REMONTEE_SIECLE, academie)
    if fenetre is None:
        raise FenetreFermee(f"La session {calendrier.session} n'a pas de remontée des fichiers SIECLE.")
    now = deps.campaign_clock()
    refusal = fenetre.refusal(now)
    if refusal is not None:
        raise FenetreFermee(refusal)
    return fenetre.state(now)


def is_frozen(deps: Deps, calendrier: Calendrier, academie: str) -> bool:
    """Whether the vivier initial is frozen by now."""
    fenetre = calendrier.fenetre(CodeFenetre.VIVIER_INITIAL, academie)
    return fenetre is not None and fenetre.state(deps.campaign_clock()) is EtatFenetre.FERMEE
