"""`w1bench.evaluate`: one law in every library (the optimal potential scores 1), and what is said of critics that are none."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import w1bench
from support.recipes import Sealed
from w1bench.cli.terminal import tables
from w1bench.client.api import score_file
from w1bench.errors import InputError, PairError, SubmissionError

NAME = "small-d16-n64-p8"
Points = np.ndarray[Any, np.dtype[Any]]


class Cones(torch.nn.Module):
    """f* = -min_n (||x - a_n|| + b_n) of a pair, in torch."""

    def __init__(self, pair: w1bench.StoredPair, dtype: torch.dtype, dropout: float = 0.0) -> None:
        super().__init__()
        self.center = torch.nn.Parameter(torch.tensor(pair.funnel.center[:], dtype=dtype))
        self.offset = torch.nn.Parameter(torch.tensor(pair.funnel.offset[:], dtype=dtype))
        self.dropout = torch.nn.Dropout(dropout) if dropout else torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -(self.dropout(torch.cdist(x, self.center) + self.offset)).min(dim=1, keepdim=True).values


def in_numpy(pair: w1bench.StoredPair) -> Callable[[Points], Points]:
    center, offset = pair.funnel.center[:], pair.funnel.offset[:]
    return lambda x: -(np.linalg.norm(x[:, None] - center, axis=2) + offset).min(axis=1)


def gradient_in_numpy(pair: w1bench.StoredPair) -> Callable[[Points], Points]:
    center, offset = pair.funnel.center[:], pair.funnel.offset[:]

    def gradient(x: Points) -> Points:
        step = x[:, None] - center
        distance = np.linalg.norm(step, axis=2)
        row, nearest = np.arange(len(x)), (distance + offset).argmin(axis=1)
        return -step[row, nearest] / distance[row, nearest][:, None]

    return gradient


def cos(evaluation: w1bench.Evaluation) -> float:
    assert evaluation.card is not None
    metric = evaluation.card.metrics["cos"]
    assert metric is not None
    return metric.value


@pytest.fixture(scope="module")
def pair(archive: Path) -> w1bench.StoredPair:
    return w1bench.load(archive / NAME)


@pytest.mark.parametrize(("dtype", "off"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_a_torch_module_in_its_own_precision(pair: w1bench.StoredPair, dtype: torch.dtype, off: float) -> None:
    evaluation = w1bench.evaluate(Cones(pair, dtype), pair)
    assert cos(evaluation) > 1 - off
    assert evaluation.arrays["gradient"].dtype == (np.float64 if dtype == torch.float64 else np.float32)
    assert set(evaluation.arrays) == {"gradient", "input_potential", "target_potential", "probe_gradient"}
    assert evaluation.card is not None
    estimate = evaluation.card.metrics["w1_estimate"]
    assert estimate is not None
    assert estimate.value == pytest.approx(pair.w1, rel=off)
    assert evaluation.remarks == ()


def test_a_function_of_tensors_is_found_out_as_one(pair: w1bench.StoredPair) -> None:
    module = Cones(pair, torch.float64)
    assert cos(w1bench.evaluate(lambda x: module(x).squeeze(1), pair)) > 1 - 1e-9


def test_a_function_around_a_float32_module_is_evaluated_in_float32(pair: w1bench.StoredPair) -> None:
    """Such as the one that turns a sign round."""
    module = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    turned, plain = w1bench.evaluate(lambda x: -module(x), pair), w1bench.evaluate(module, pair)
    assert cos(turned) == pytest.approx(-cos(plain), abs=1e-9)
    assert turned.arrays["gradient"].dtype == np.float32
    assert (turned.remarks, plain.remarks) == (
        ("The critic takes points in float32 alone, and was evaluated in it.",),
        (),
    )


def test_numpy_with_its_gradient_and_by_differences(pair: w1bench.StoredPair) -> None:
    f = in_numpy(pair)
    assert cos(w1bench.evaluate(f, pair, gradient=gradient_in_numpy(pair))) == pytest.approx(1, abs=1e-12)
    differences = w1bench.evaluate(f, pair)
    assert cos(differences) > 0.999  # a difference across a kink is wrong
    assert "central differences" in differences.remarks[0]


@pytest.mark.parametrize("one_point", [False, True])
def test_jax_functions_of_batches_and_of_points(pair: w1bench.StoredPair, one_point: bool) -> None:
    jnp = pytest.importorskip("jax.numpy")
    center, offset = jnp.asarray(pair.funnel.center[:]), jnp.asarray(pair.funnel.offset[:])

    def of_point(x: Any) -> Any:
        return -(jnp.linalg.norm(x - center, axis=-1) + offset).min()

    def of_batch(x: Any) -> Any:
        return -(jnp.linalg.norm(x[:, None] - center, axis=-1) + offset).min(axis=1)

    evaluation = w1bench.evaluate(of_point if one_point else of_batch, pair)
    assert cos(evaluation) > 0.999
    assert evaluation.remarks == ("JAX computes in float32 unless jax_enable_x64 is set.",)


def test_a_critic_in_a_file_by_its_name(pair: w1bench.StoredPair, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import numpy as np\ndef critic(x):\n    return -np.linalg.norm(x, axis=1)\n")
    evaluation = w1bench.evaluate(f"{tmp_path}/mine.py:critic", pair)
    x = pair.test.input[:]
    np.testing.assert_allclose(evaluation.arrays["gradient"], -x / np.linalg.norm(x, axis=1)[:, None], atol=1e-6)
    saved = evaluation.save(tmp_path / "mine.h5")
    assert score_file(pair.folder, saved) == evaluation.card
    with pytest.raises(InputError, match="mine.py has no other; it has critic, np"):
        w1bench.evaluate(f"{tmp_path}/mine.py:other", pair)
    with pytest.raises(InputError, match="give package.module:name or path/to/file.py:name"):
        w1bench.evaluate("nowhere", pair)


def test_the_other_sign_is_said(pair: w1bench.StoredPair) -> None:
    evaluation = w1bench.evaluate(lambda x: -in_numpy(pair)(x), pair, gradient=lambda x: -gradient_in_numpy(pair)(x))
    assert evaluation.card is not None
    assert [finding.code for finding in evaluation.card.findings] == ["sign"]
    assert "The gradient points the other way" in str(evaluation)
    assert "The gradient points the other way" in evaluation._repr_html_()
    assert "its negation scores 1." in str(evaluation)


def test_a_module_in_training_mode_is_evaluated_and_put_back(pair: w1bench.StoredPair) -> None:
    module = Cones(pair, torch.float64, dropout=0.5)
    evaluation = w1bench.evaluate(module, pair)
    assert module.training
    assert cos(evaluation) > 1 - 1e-9
    assert "training mode" in evaluation.remarks[0]


def test_pictures_keep_their_shape(archive: Path) -> None:
    photos = w1bench.load(archive / "small-photos")
    evaluation = w1bench.evaluate(lambda x: -x.square().sum(dim=(1, 2, 3)).sqrt(), photos, batch=64)
    assert evaluation.arrays["gradient"].shape == photos.test.input.shape


@pytest.mark.parametrize(
    ("critic", "said"),
    [
        (lambda x: x, r"values of shape \(2, 16\) of points of shape \(2, 16\); it must return one value a point"),
        (lambda x: (x - x.mean(0)).norm(dim=1), "depends on the other points of its batch"),
        (lambda x: x.norm(dim=1).detach(), "does not depend on its points as torch sees it"),
    ],
)
def test_what_is_no_potential_is_said(pair: w1bench.StoredPair, critic: Callable[..., Any], said: str) -> None:
    with pytest.raises(SubmissionError, match=said):
        w1bench.evaluate(critic, pair, framework="torch")


def test_what_takes_neither_arrays_nor_tensors_is_said(pair: w1bench.StoredPair) -> None:
    def critic(x: Any) -> Any:
        raise ValueError("I need 3 channels")

    with pytest.raises(
        InputError,
        match=r"no values for a numpy array of shape \(2, 16\), nor for a torch tensor of it; it raised ValueError: I need 3 channels",
    ):
        w1bench.evaluate(critic, pair)


def test_a_sealed_pair_is_evaluated_and_not_scored(sealed_pair: Sealed) -> None:
    evaluation = w1bench.evaluate(lambda x: -np.linalg.norm(x, axis=1), w1bench.load(sealed_pair.folder))
    assert evaluation.card is None
    assert "sealed: submit it to learn its score" in str(evaluation)
    assert np.isfinite(evaluation.arrays["gradient"]).all()


def test_a_critic_that_diverged_is_said(pair: w1bench.StoredPair) -> None:
    with pytest.raises(SubmissionError, match=r"is nan, which is no number \(did its training diverge\?\)"):
        w1bench.evaluate(lambda x: np.full(len(x), np.nan), pair)


def test_tensors_are_taken_with_their_history_and_things_show_themselves_in_a_line(pair: w1bench.StoredPair) -> None:
    gradient = torch.from_numpy(pair.test.gradient[:]).requires_grad_() * 1
    card = w1bench.score(pair, gradient=gradient)
    assert card.metrics == w1bench.score(pair, gradient=pair.test.gradient[:]).metrics
    assert w1bench.score(pair, gradient=gradient.bfloat16()).metrics["cos"] is not None
    with pytest.raises(SubmissionError, match="`gradient` is no array"):
        w1bench.score(pair, gradient=[[1.0], [1.0, 2.0]])
    assert repr(card).startswith(f"<Scorecard on {NAME}: cos 1 [1, 1], skill 1 [1, 1]")
    assert repr(pair).startswith(f"<StoredPair {NAME}: shape 16, family funnel, W1 ")
    for shown in (card._repr_html_(), pair._repr_html_()):
        assert shown.startswith(f"<table><caption>{NAME}</caption>")
    evaluation = w1bench.evaluate(Cones(pair, torch.float64), pair)
    assert repr(evaluation).startswith(f"<Evaluation on {NAME}: cos 1 ")
    assert "<th>cos</th>" in evaluation._repr_html_()
    assert {"compare", "whoami", "__version__"} <= set(dir(w1bench))


def test_a_printed_scorecard_is_the_table_of_the_command_line_with_what_is_wrong(pair: w1bench.StoredPair) -> None:
    card = w1bench.score(pair, gradient=-pair.test.gradient[:])
    console = Console(width=100, file=io.StringIO())
    console.print(tables.scorecard(card), markup=False, highlight=False)
    assert isinstance(console.file, io.StringIO)
    of_command = "\n".join(map(str.rstrip, console.file.getvalue().splitlines())).strip("\n").splitlines()
    assert [*of_command, card.findings[0].sentence] == str(card).splitlines()
    assert of_command[0].split()[:3] == [NAME, "value", "[95%]"]
    assert "cos" in of_command[2]
    assert "-1 [-1, -1]" in of_command[2]
    assert max(map(len, of_command)) <= 100
    assert "Scorecard(" not in str(card)


def test_what_cannot_be_a_critic_a_pair_or_a_batch_is_said(pair: w1bench.StoredPair) -> None:
    for network, error, message in (
        (torch.nn.Linear(5, 1), SubmissionError, r"The critic raised RuntimeError \(mat1 and mat2"),
        (lambda x: np.array(["a"] * len(x)), SubmissionError, "The critic raised ValueError"),
        (3, InputError, "The critic came as a int"),
    ):
        with pytest.raises(error, match=message):
            w1bench.evaluate(network, pair)  # type: ignore[arg-type]
    with pytest.raises(PairError, match="A pair came as a Linear; give its name or its folder"):
        w1bench.evaluate(pair, torch.nn.Linear(16, 1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="The batch came as 0; give 1 or more"):
        w1bench.evaluate(torch.nn.Linear(16, 1), pair, batch=0)


@pytest.mark.parametrize("name", ["zero", "constant", "noise"])
def test_a_control_that_is_not_solved_is_said(name: str, families: Path) -> None:
    control = w1bench.load(families / "shift")
    shape = control.test.input.shape
    across = np.linalg.svd(control.test.gradient[:1])[2][1]
    gradient = {
        "zero": np.zeros(shape),
        "constant": np.tile(across, (shape[0], 1)),
        "noise": np.random.default_rng(0).standard_normal(shape),
    }[name]
    first = w1bench.score(control, gradient=gradient).findings[0]
    assert first.code == "trivial"
    assert "a control, which every method must solve" in first.sentence
    assert ("zero everywhere" in first.sentence, "same everywhere" in first.sentence) == (
        name == "zero",
        name == "constant",
    )
    assert w1bench.score(control, gradient=control.test.gradient[:]).findings == ()
