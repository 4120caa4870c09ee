"""What the pages show: the pairs, the rows of their boards and what was retracted, with what is made of them kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from w1bench.archive.manifest import Manifest
from w1bench.scoring.scorecard import Scorecard
from w1bench.site.board.choice import Choice
from w1bench.site.board.overall import Method, placed
from w1bench.site.board.rows import Retracted, Row
from w1bench.site.board.sizes import Size, by_size


@dataclass(frozen=True)
class Receipt:
    """A submission by itself: its row and scorecard, what was said of it, and `document`, the service's answer about it."""

    row: Row
    card: Scorecard
    document: Mapping[str, Any]
    retraction: Retracted | None = None
    findings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Content:
    """The pairs by name, the rows of all boards by pair, each in its board's order, and the retracted submissions; of pairs, the cosines of their trivial
    critics, and the least difference of cosines that their points tell from noise, where these are known."""

    manifests: Mapping[str, Manifest]
    boards: Mapping[str, Sequence[Row]]
    retracted: Sequence[Retracted] = ()
    trivial: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    resolutions: Mapping[str, float] = field(default_factory=dict[str, float])
    _methods: dict[tuple[object, ...], list[Method]] = field(
        default_factory=dict[tuple[object, ...], list[Method]], repr=False
    )

    @cached_property
    def rows(self) -> list[Row]:
        return [row for pair in self.manifests for row in self.boards.get(pair, ())]

    @cached_property
    def by_id(self) -> dict[str, Row]:
        return {row.id: row for row in self.rows}

    @cached_property
    def tracks(self) -> dict[str, str]:
        return {name: "sealed" if manifest.sealed else "open" for name, manifest in self.manifests.items()}

    @cached_property
    def users(self) -> list[str]:
        return sorted({row.user for row in self.rows})

    @cached_property
    def sizes(self) -> list[Size]:
        """Who leads on data of each size."""
        pictures = frozenset(name for name, manifest in self.manifests.items() if len(manifest.shape) > 1)
        return by_size(self.rows, pictures)

    def methods(self, choice: Choice) -> list[Method]:
        """All methods of the pairs that a choice names, placed."""
        scope = (choice.track, choice.family, choice.dim, choice.pair)
        if scope not in self._methods:
            self._methods[scope] = placed(choice.scope(self.rows), choice.track, every=choice.dim is not None)
        return self._methods[scope]
