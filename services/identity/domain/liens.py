"""Links that are mailed: what each is for, and for how long it works, once. Pure."""

from datetime import timedelta
from enum import StrEnum

from kit.errors import Refusal


class Usage(StrEnum):
    """What a link does; it does nothing else."""

    ACTIVATION = "ACTIVATION"
    MOT_DE_PASSE = "MOT_DE_PASSE"
    COURRIEL = "COURRIEL"
    DEBLOCAGE = "DEBLOCAGE"


DUREES = {
    # « activation link by e-mail, single use, 72 h » (domaine.md §3); a new address is validated as unhurriedly.
    Usage.ACTIVATION: timedelta(hours=72),
    Usage.COURRIEL: timedelta(hours=72),
    # ≈ ours: whoever asks for these is there.
    Usage.MOT_DE_PASSE: timedelta(hours=1),
    Usage.DEBLOCAGE: timedelta(hours=1),
}


class LienInvalide(Refusal):
    """The link was used, has expired, or never was one."""

    code = "LIEN_INVALIDE"

    def __init__(self, usage: Usage) -> None:
        super().__init__(_MESSAGES[usage])


_MESSAGES = {
    Usage.ACTIVATION: "Ce lien d'activation a déjà servi ou a expiré : demandez-en un autre à qui a créé votre compte.",
    Usage.COURRIEL: "Ce lien de validation a déjà servi ou a expiré : demandez de nouveau le changement d'adresse.",
    Usage.MOT_DE_PASSE: "Ce lien a déjà servi ou a expiré : demandez-en un autre depuis la page de connexion.",
    Usage.DEBLOCAGE: "Ce lien a déjà servi ou a expiré : demandez de nouveau le déblocage depuis la page de connexion.",
}
