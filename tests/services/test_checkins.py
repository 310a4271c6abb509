"""The rotating code."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.services.checkins import ALPHABET, CODE_LASTS, changes_after, code_at

instants = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


@given(instants)
def test_a_code_holds_until_it_changes(instant: datetime) -> None:
    changes = changes_after(instant)
    assert timedelta(0) < changes - instant <= CODE_LASTS
    code = code_at("secret", instant)
    assert code_at("secret", changes - timedelta(seconds=1)) == code
    assert code_at("secret", changes) != code
    assert code_at("secret", changes, steps_back=1) == code
    assert code_at("other", instant) != code


@given(st.text(min_size=1), instants)
def test_a_code_can_be_read_aloud(secret: str, instant: datetime) -> None:
    code = code_at(secret, instant)
    assert len(code) == 6
    assert set(code) <= set(ALPHABET)
    assert not set("01OIL") & set(ALPHABET)


def test_no_letter_is_favoured() -> None:
    codes = "".join(code_at("secret", datetime.fromtimestamp(300 * step, UTC)) for step in range(10_000))
    expected = len(codes) / len(ALPHABET)
    assert all(abs(codes.count(letter) / expected - 1) < 0.1 for letter in ALPHABET)
