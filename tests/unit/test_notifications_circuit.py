from datetime import UTC, datetime, timedelta

from notifications.circuit import Circuit

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


def test_it_rests_five_seconds_and_twice_as_long_each_time_up_to_a_minute() -> None:
    circuit, now, rests = Circuit(), NOW, []
    for _ in range(6):
        circuit = circuit.failed(now)
        assert circuit.until is not None
        rests.append((circuit.until - now).total_seconds())
        now = circuit.until
    assert rests == [5, 10, 20, 40, 60, 60]


def test_while_it_rests_nothing_is_tried_and_then_something_is() -> None:
    circuit = Circuit().failed(NOW)
    assert circuit.is_resting(NOW + timedelta(seconds=4.9))
    assert not circuit.is_resting(NOW + timedelta(seconds=5))
    assert not circuit.is_closed


def test_what_was_under_way_when_it_began_to_rest_changes_nothing() -> None:
    circuit = Circuit().failed(NOW)
    assert circuit.failed(NOW + timedelta(seconds=1)) == circuit
    assert circuit.answered(NOW + timedelta(seconds=1)) == circuit


def test_an_answer_after_the_rest_closes_it_and_forgets_how_long_it_was() -> None:
    later = NOW + timedelta(seconds=5)
    circuit = Circuit().failed(NOW).answered(later)
    assert circuit == Circuit()
    assert circuit.failed(later).until == later + timedelta(seconds=5)
