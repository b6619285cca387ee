"""The code sent by SMS to a mobile number that was proved to be the person's: six digits, used once, ten minutes."""


def text(code: str) -> str:
    """The message that brings the code: one SMS, in characters that each telephone shows."""
    return f"{code} est votre code pour le site de gestion. Valable 10 minutes, une fois. Ne le donnez a personne."
