"""Snapshot: the submissions of a ledger after one of its rows, by id and by pair, and whose names their methods have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from w1bench_server.ledger.chain import Row
from w1bench_server.ledger.names import appearance
from w1bench_server.ledger.records import Record, fold

Records = Mapping[str, Record]  # by id, in the ledger's order


@dataclass(frozen=True)
class Snapshot:
    """The submissions after row `seq`; it never changes, and shares with the next one all pairs to which nothing happened."""

    seq: int = 0
    records: Records = field(default_factory=dict[str, Record])
    pairs: Mapping[str, Records] = field(default_factory=dict[str, Records])
    owners: Mapping[str, str] = field(default_factory=dict[str, str])  # users by the appearance of their methods' names

    def owner(self, method: str) -> str | None:
        """The user that a method's name belongs to: its first one, or that of the reference rows; None for a new name."""
        return self.owners.get(appearance(method))

    def after(self, rows: Iterable[Row]) -> Snapshot:
        """The snapshot after further rows."""
        further = list(rows)
        records = fold(self.records, ((row.seq, row.event) for row in further))
        owners = dict(self.owners)
        changed: dict[str, dict[str, Record]] = {}
        for identity in dict.fromkeys(row.submission for row in further):
            if record := records.get(identity):
                changed.setdefault(record.entry.pair, {})[identity] = record
                name = appearance(record.entry.method)
                if record.entry.reference or name not in owners:
                    owners[name] = record.entry.user
        pairs = {pair: {**self.pairs.get(pair, {}), **of_pair} for pair, of_pair in changed.items()}
        return Snapshot(further[-1].seq if further else self.seq, records, {**self.pairs, **pairs}, owners)
