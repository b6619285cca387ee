"""What several forms ask for in the same way."""

from collections.abc import Mapping

from services.identity.domain.mots_de_passe import MotDePasseRefuse


def chosen_password(fields: Mapping[str, str]) -> str:
    """The new password, which the form asks for twice.

    Raises:
        MotDePasseRefuse: it was not typed twice alike.
    """
    chosen = fields.get("mot_de_passe", "")
    if chosen != fields.get("confirmation", ""):
        raise MotDePasseRefuse("Les deux mots de passe diffèrent : saisissez deux fois le même.", champ="confirmation")
    return chosen
