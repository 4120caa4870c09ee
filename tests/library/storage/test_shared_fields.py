"""Rows are parted from what they share, and joined again to the same ones."""

import json

from w1bench.storage.shared_fields import joined, parted

ROWS = [
    {"pair": "a", "method": "x", "law": "A", "steps": 5, "note": None, "value": 1.5},
    {"pair": "a", "method": "y", "law": "A", "steps": 7, "note": None, "value": 1.25},
    {"pair": "b", "method": "x", "law": "B", "steps": 5, "note": None, "value": 1},
    {"pair": "b", "method": "y", "law": "B", "steps": 7, "note": None, "value": 1.0, "curve": [{"steps": 1}]},
    {"pair": "c", "method": "x", "law": "C", "steps": 5, "note": None, "value": True},
]


def test_what_all_rows_and_those_of_a_group_share_is_written_once() -> None:
    shared, left = parted(ROWS, ("pair", "method"))
    assert shared == [
        {"where": {}, "fields": {"note": None}},
        {"where": {"pair": "a"}, "fields": {"law": "A"}},
        {"where": {"pair": "b"}, "fields": {"law": "B"}},
        {"where": {"method": "x"}, "fields": {"steps": 5}},
        {"where": {"method": "y"}, "fields": {"steps": 7}},
    ]
    assert left[0] == {"pair": "a", "method": "x", "value": 1.5}
    assert left[4] == {"pair": "c", "method": "x", "law": "C", "value": True}


def test_joined_again_they_are_the_same_to_the_type() -> None:
    """1, 1.0 and True are equal in Python and three texts in JSON."""
    as_text = [json.dumps(row, sort_keys=True) for row in ROWS]
    for by in ((), ("pair",), ("pair", "method")):
        shared, left = json.loads(json.dumps(parted(ROWS, by)))
        assert [json.dumps(row, sort_keys=True) for row in joined(shared, left)] == as_text
    assert parted([], ("pair",)) == ([], [])


def test_a_row_alone_shares_nothing() -> None:
    assert parted(ROWS[:1], ("pair", "method")) == ([], ROWS[:1])
