"""Mobile numbers: what is accepted, in which form, and what is no mobile."""

import pytest

from socle.telephones import MobileInvalide, mask_mobile, parse_mobile


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("06 12 34 56 78", "+33612345678"),
        ("06.12.34.56.78", "+33612345678"),
        (" +33 (0)6 12 34 56 78 ", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("0692 12 34 56", "+262692123456"),
        ("+262 692 12 34 56", "+262692123456"),
        ("0690123456", "+590690123456"),
        ("0639 69 12 34", "+262639691234"),
        ("+1 514 555 1234", "+15145551234"),
    ],
)
def test_a_mobile_number_has_one_form_however_it_is_written(written: str, normal: str) -> None:
    assert parse_mobile(written) == normal


@pytest.mark.parametrize(
    "written",
    [
        "",
        "01 40 20 12 34",
        "08 99 12 34 56",
        "3949",
        "+33 6 12",
        "06 12 34 56 78 90 12",
        "portable 0612345678",
        "0612345678\r\nBcc: x",
        "٠٦١٢٣٤٥٦٧٨",
        "0" * 10_000,
    ],
)
def test_what_receives_no_sms_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(MobileInvalide, match="06 12 34 56 78"):
        parse_mobile(written)


def test_only_the_last_two_digits_are_shown_to_who_has_not_signed_in() -> None:
    assert mask_mobile("+33612345678") == "•• •• •• •• 78"
