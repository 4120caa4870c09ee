"""`w1bench.evaluate`: any critic on a pair, from a torch module, a JAX or numpy function, or a name in a file, to its scorecard."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from w1bench.archive.manifest import PairState
from w1bench.arrays import Array
from w1bench.client import api, remote
from w1bench.client.differentiation import Framework, at_rows, differentiated, import_critic
from w1bench.client.service.rows import Row
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.findings.explanation import ExplainedScorecard
from w1bench.diagnostics.findings.facts import Facts
from w1bench.errors import InputError
from w1bench.scoring import submission


@dataclass(frozen=True, repr=False)
class Evaluation:
    """A critic's arrays at a pair's points, its scorecard (None while the pair is sealed), and remarks in words."""

    pair: StoredPair
    arrays: dict[str, NDArray[Any]]
    card: ExplainedScorecard | None
    remarks: tuple[str, ...]

    def save(self, path: str | Path) -> Path:
        """Write the arrays as a submission, .h5; returns its path."""
        submission.write(Path(path), submission.from_arrays(self.pair.manifest, self.arrays))
        return Path(path)

    def submit(self, *, method: str, server: str | None = None, token: str | None = None, **said: Any) -> Row:
        """Submit the arrays to a service, with what they say of themselves (seed, steps, data, ...); as `w1bench.submit`."""
        return remote.submit(self.pair, method=method, server=server, token=token, **self.arrays, **said)

    def __repr__(self) -> str:
        return f"<Evaluation on {self.pair.name}: {self.card.figures() if self.card else 'sealed'}>"

    def _repr_html_(self) -> str:
        shown = repr(self) if self.card is None else self.card.as_html()
        return shown + "".join(f"<p>{escape(remark)}</p>" for remark in self.remarks)

    def __str__(self) -> str:
        metrics = {} if self.card is None else self.card.metrics
        figures = [
            f"{name} {i.value:.4g} [{i.low:.4g}, {i.high:.4g}]"
            for name, i in metrics.items()
            if i and i.low is not None and i.high is not None
        ]
        found = [] if self.card is None else [finding.sentence for finding in self.card.findings]
        return "\n".join(
            [f"{self.pair.name}: {', '.join(figures) or 'sealed: submit it to learn its score'}", *found, *self.remarks]
        )


def evaluate(
    critic: Callable[..., Any] | str, pair: StoredPair | str | Path, *, gradient: Callable[[Array], Any] | None = None,
    framework: Framework | None = None, batch: int = 1024, facts: Facts | Mapping[str, Any] | None = None,
) -> Evaluation:  # fmt: skip
    """Evaluate a critic f, meant to make E_P f - E_Q f large, at a pair's points, and score it.

    `critic` is a torch module or a function of a batch of points (n, *shape) that returns (n,) or (n, 1), in torch, JAX (there also a
    function of one point) or numpy, or the place of one: `package.module:name`, `path/to/file.py:name`. Its gradient is
    taken by its own library, on its own device and in its own precision, `batch` points at a time; of a numpy function by
    `gradient`, or by central differences. `facts` are what its method declares (see `w1bench.score`); findings use them.

    Raises:
        InputError: the critic cannot be found, or its library cannot be told (give `framework`).
        SubmissionError: it does not return one finite value and gradient a point.
    """
    if batch < 1:
        raise InputError(f"The batch came as {batch}; give 1 or more points at a time.")
    opened = api.open_pair(pair)
    function = import_critic(critic) if isinstance(critic, str) else critic
    test, probe = opened.test, opened.probe
    with differentiated(function, test.input[:2], framework=framework, gradient=gradient) as of:
        at_inputs = at_rows(of.at, test.input, batch)
        arrays = {
            "gradient": at_inputs.gradient,
            "input_potential": at_inputs.value,
            "target_potential": at_rows(of.at, test.target, batch, gradients=False).value,
            "probe_gradient": at_rows(of.at, probe.interpolate, batch).gradient,
        }
        remarks = of.remarks
    if opened.manifest.state is PairState.SEALED:
        submission.from_arrays(opened.manifest, arrays)
        return Evaluation(opened, arrays, None, remarks)
    return Evaluation(opened, arrays, api.score(opened, facts=facts, **arrays), remarks)
