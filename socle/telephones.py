"""Telephone numbers: the normal form of a mobile number that an SMS reaches (domaine.md §3)."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

_WRITTEN = re.compile(r"\+?[0-9 .()/-]{6,30}")
_REGIONS = ("FR", "RE", "GP", "MQ", "GF", "YT", "PM", "NC", "PF", "WF", "BL", "MF")
"""Where a number without prefix may be dialled: « 0692… » is Réunion's, and no number of the mainland."""
_RECOIT_UN_SMS = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
"""North American numbers do not tell a mobile from a fixed line."""


class MobileInvalide(ValueError):
    """Not the number of a mobile telephone; the message is French and says what is expected."""


def parse_mobile(value: str) -> str:
    """The number in its international form (E.164), as `+33612345678`.

    One without prefix is French, of the mainland first, then of whichever overseas territory has such a number.

    Raises:
        MobileInvalide: it is no number, or not one that receives SMS.
    """
    written = value.strip()
    if _WRITTEN.fullmatch(written):
        for region in _REGIONS:
            number = _parse(written, region)
            if number is not None and phonenumbers.number_type(number) in _RECOIT_UN_SMS:
                return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    raise MobileInvalide(
        "numéro de téléphone portable incorrect (forme attendue : 06 12 34 56 78, ou +262 692 12 34 56)"
    )


def mask_mobile(mobile: str) -> str:
    """What is shown of a number to who has not proved enough to read it: its last two digits."""
    return f"•• •• •• •• {mobile[-2:]}"


def _parse(written: str, region: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(written, region)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
