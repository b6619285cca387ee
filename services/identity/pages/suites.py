"""The pages of ours that a sign-in may lead to, by the name that `/connexion?suite=` gives them: never an address."""

COMPTE = "/compte"
CONNEXIONS = "/compte/connexions"
ADRESSE = "/compte/adresse"
MOBILE = "/compte/mobile"
MOT_DE_PASSE = "/compte/mot-de-passe"
APPLICATION = "/compte/application"
CLES = "/compte/cles"
CODES_DE_SECOURS = "/compte/codes-de-secours"
EMPLOYEUR = "/compte/employeur"

_SUITES = {
    path.rpartition("/")[2]: path
    for path in (COMPTE, CONNEXIONS, ADRESSE, MOBILE, MOT_DE_PASSE, APPLICATION, CLES, CODES_DE_SECOURS, EMPLOYEUR)
}


def sign_in_for(page: str) -> str:
    """Where to sign in, to come back to one of these pages."""
    (suite,) = (name for name, path in _SUITES.items() if path == page)
    return f"/connexion?suite={suite}"


def page_of(suite: str) -> str:
    """The page of that name; home where there is none."""
    return _SUITES.get(suite, "/")
