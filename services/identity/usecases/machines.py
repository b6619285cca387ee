"""What the audit trail says of machines: other systems, with a key of their own and one flow each (domaine.md §1)."""

from services.identity.deps import Deps
from services.identity.domain.audit import Acte, Partie
from services.identity.store.work import Work
from services.identity.usecases.audit import note, note_refused


async def note_machine(deps: Deps, client: str) -> None:
    """Write that a machine was given a token."""

    async def body(work: Work) -> None:
        await note(deps, work, Acte.MACHINE_CONNECTEE, par=Partie(id=client))

    await deps.transact(body)


async def note_machine_refused(deps: Deps, client: str | None, motif: str) -> None:
    """Write that no token was given to whoever came as that machine, which it has not proved to be; None for one that
    is not declared.
    """
    cible = None if client is None else Partie(id=client)
    await note_refused(deps, Acte.MACHINE_CONNECTEE, motif, cible=cible)
