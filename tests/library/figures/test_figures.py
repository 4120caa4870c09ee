"""Figures hold what they say, told from the figures' own objects; their files are of the type that their name ends in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

import h5py
import matplotlib.colors
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from PIL import Image

import w1bench
from support.files import ROOT
from support.forks import command
from support.recipes import Sealed
from w1bench.client.diagnosis import diagnosis_of
from w1bench.errors import InputError, PairError
from w1bench.figures import boards, canvas, curves, plane
from w1bench.figures.critics import DrawnCritic, read_critic, true_critic, true_map
from w1bench.figures.pictures import pictures
from w1bench.recipes.families import CONTROLS
from w1bench.trials import results
from w1bench.trials.solve import solve

PLANE = "small-d2-n4-p8"
CORE = ROOT / "datasets" / "results" / "core.json"


@pytest.fixture(scope="module", autouse=True)
def _light() -> Any:
    with canvas.themed("light"):
        yield


@pytest.fixture(scope="module")
def half(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A critic of half the truth's slope, with values and probe gradients of slope 1.5 to the right."""
    pair, path = w1bench.load(archive / PLANE), tmp_path_factory.mktemp("critics") / "half.h5"
    with h5py.File(path, "w") as file:
        for name in ("gradient", "input_potential", "target_potential"):
            file[name] = getattr(pair.test, name)[:] / 2
        file["probe_gradient"] = np.tile([1.5, 0.0], (len(pair.probe.interpolate), 1))
    return path


def field_of(axes: Axes) -> np.ndarray[Any, Any]:
    """The arrows (k, 2) of a field."""
    (arrows,) = [part for part in axes.collections if isinstance(part, Quiver)]
    return np.stack([arrows.U, arrows.V], axis=1)


def test_surfaces_are_the_truth_beside_each_critic(archive: Path, half: Path) -> None:
    pair = w1bench.load(archive / PLANE)
    figure = plane.surfaces(pair, [read_critic(pair, half)])
    solid, field, critics, critics_field = figure.axes
    assert [axes.get_title(loc="left") for axes in (solid, critics)] == ["truth", "half: cos 1.00"]
    assert all(hasattr(axes, "get_zlim") for axes in (solid, critics))
    arrows = field_of(field)
    np.testing.assert_allclose(np.linalg.norm(arrows, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(field_of(critics_field), arrows / 2, rtol=1e-6)
    spans = [float(np.ptp(cast(Any, axes).get_zlim())) for axes in (solid, critics)]
    assert spans[1] == pytest.approx(spans[0] / 2, rel=0.1)  # of half the slope, and cut at the outermost points


def test_the_truth_of_the_files_is_the_truth_of_the_test_points(archive: Path) -> None:
    pair = w1bench.load(archive / PLANE)
    np.testing.assert_allclose(
        -true_map(pair).potential.value(pair.test.input[:]), pair.test.input_potential[:], atol=1e-6
    )
    assert true_critic(pair).cosine == 1


def test_a_steep_critic_has_arrows_of_a_bounded_length(archive: Path) -> None:
    pair, truth = w1bench.load(archive / PLANE), true_critic(w1bench.load(archive / PLANE))
    steep = DrawnCritic("steep", truth.gradient * 1000, truth.values, None, 1.0)
    lengths = np.linalg.norm(field_of(plane.surfaces(pair, [steep]).axes[-1]), axis=1)
    np.testing.assert_allclose(lengths, 2, rtol=1e-6)


def test_rays_have_the_length_of_the_plan(archive: Path) -> None:
    pair = w1bench.load(archive / PLANE)
    (axes,) = plane.rays(pair).axes
    (segments,) = [part for part in axes.collections if type(part) is LineCollection]
    ends = np.array(segments.get_segments())
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    assert lengths.mean() == pytest.approx(pair.w1, abs=4 * lengths.std() / len(lengths) ** 0.5)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]  # pyright: ignore[reportOptionalMemberAccess]
    assert labels == ["targets y ~ Q", "inputs x ~ P", "centres"]


def test_pictures_stand_above_their_partners_and_the_change(archive: Path) -> None:
    pair = w1bench.load(archive / "small-digits")
    figure = pictures(pair, 5)
    rows = np.array([np.asarray(axes.images[0].get_array()) for axes in figure.axes]).reshape(3, 5, 8, 8)
    x, y = (points[:256].squeeze(1) / 2 + 0.5 for points in (pair.test.input, pair.test.transported))
    order = np.argsort(np.linalg.norm((x - y).reshape(256, -1), axis=1))
    chosen = order[[0, 63, 127, 191, 255]]  # from the least changed to the most
    x, y = x[chosen], y[chosen]
    np.testing.assert_allclose(rows[0], np.clip(x, 0, 1), atol=1e-6)
    np.testing.assert_allclose(rows[1], np.clip(y, 0, 1), atol=1e-6)
    change = 2 * (x - y)
    np.testing.assert_allclose(rows[2], change / np.abs(change).max() / 2 + 0.5, atol=1e-6)
    assert [figure.axes[k].get_ylabel()[:6] for k in (0, 5, 10)] == ["inputs", "target", "x - y,"]


def test_a_cell_of_a_heat_map_is_a_mean_over_seeds() -> None:
    rows = results.read_all([CORE])
    (axes, _) = boards.heat(rows).axes
    values = np.asarray(axes.images[0].get_array())
    methods, pairs = (
        [label.get_text() for label in labels] for labels in (axes.get_yticklabels(), axes.get_xticklabels())
    )
    assert values.shape == (len(methods), len(pairs)) == (25, 8)
    mean = np.mean(
        [row["metrics"]["cos"]["value"] for row in rows if (row["method"], row["pair"]) == ("LP", "product-d16")]
    )
    assert values[methods.index("LP"), pairs.index("product-d16")] == pytest.approx(mean)
    skill = boards.heat(rows, "skill").axes[0].images[0].get_array()
    assert np.isnan(np.ma.filled(skill, np.nan)[:, [pairs.index("ball-d16-p8"), pairs.index("shift-d128")]]).all()
    with pytest.raises(InputError, match="no metric 'beauty'; there are: cos"):
        boards.heat(rows, "beauty")


def test_dimensions_have_ours_as_lines_and_the_published_figures_hollow() -> None:
    rows = results.read_all([ROOT / "datasets" / "results" / "published.json"])
    (axes,) = boards.dimensions(rows, ["LP"]).axes
    ours, published, _zero = axes.lines
    assert list(ours.get_xdata()) == [2, 4, 8, 16, 32, 64, 128]
    of_two = [
        row["metrics"]["cos"]["value"] for row in rows if row["method"] == "LP" and row["pair"].startswith("hd-d2-")
    ]
    assert np.asarray(ours.get_ydata())[0] == pytest.approx(np.mean(of_two))
    assert (published.get_linestyle(), published.get_markerfacecolor()) == ("None", "none")
    with pytest.raises(InputError, match="a method among NONE"):
        boards.dimensions(rows, ["NONE"])


def test_cost_has_a_point_a_method() -> None:
    rows = results.read_all([CORE])
    (axes,) = boards.cost(rows).axes
    assert {line.get_label() for line in axes.lines} == {row["method"] for row in rows}
    texts = [text.get_position() for text in axes.texts]
    assert len(set(texts)) == len(texts) == 25
    with pytest.raises(InputError, match="nothing to draw"):
        boards.cost([])


def test_a_learning_curve_is_the_sidecar_s(archive: Path, tmp_path: Path) -> None:
    pair = w1bench.load(archive / PLANE)
    sidecar = solve("lp", pair, tmp_path / "lp.h5", steps=110)
    steps = [step for step, _ in sidecar["dual_values"]]
    assert steps == [50, 100, 110]
    (axes,) = curves.learning([curves.read_training(tmp_path / "lp.json")]).axes
    assert list(map(list, axes.lines[0].get_xydata())) == [list(map(float, point)) for point in sidecar["dual_values"]]  # pyright: ignore[reportArgumentType]
    assert set(axes.lines[1].get_ydata()) == {pair.w1}
    assert read_critic(pair, tmp_path / "lp.h5").name == "LP"
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(InputError, match="no dual values"):
        curves.read_training(tmp_path / "other.json")


def test_a_bias_curve_is_the_diagnosis(archive: Path) -> None:
    found = diagnosis_of(w1bench.load(archive / PLANE))
    (axes,) = curves.bias(found).axes
    emd = np.asarray(axes.lines[0].get_xydata())
    assert [tuple(point) for point in emd] == [(of.size, of.emd.value) for of in found.curve]
    assert f"W1 = {found.w1:.4g}" in [line.get_label() for line in axes.lines]


def test_a_congestion_map_holds_the_flow_and_the_plan(archive: Path, half: Path) -> None:
    pair = w1bench.load(archive / PLANE)
    axes = plane.congestion(pair, read_critic(pair, half), 10.0).axes
    cell = (2 * pair.manifest.half_width / 48) ** 2
    true, found = (float(np.asarray(place.images[0].get_array()).sum()) * cell for place in axes[:2])
    lengths = np.linalg.norm(pair.test.input[:] - pair.test.transported[:], axis=1)
    assert true == pytest.approx(lengths.mean(), rel=1e-3)
    assert found == pytest.approx(20 * 0.5)  # lam times the excess of every slope


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (lambda archive, _: plane.rays(w1bench.load(archive / "small-d16-n64-p8")), "take a pair of dimension 2"),
        (lambda archive, _: pictures(w1bench.load(archive / PLANE)), "are no pictures"),
        (
            lambda archive, critic: plane.congestion(w1bench.load(archive / PLANE), critic, 10),
            "has no `probe_gradient`",
        ),
        (lambda archive, critic: plane.surfaces(w1bench.load(archive / PLANE), [critic]), "has no `input_potential`"),
    ],
)
def test_what_cannot_be_drawn_is_said(archive: Path, draw: Any, reason: str) -> None:
    critic = DrawnCritic("mine", true_critic(w1bench.load(archive / PLANE)).gradient, None, None, 1.0)
    with pytest.raises(InputError, match=reason):
        draw(archive, critic)


def test_a_sealed_pair_is_not_drawn(sealed_pair: Sealed) -> None:
    pair = w1bench.load(sealed_pair.folder)
    with pytest.raises((PairError, InputError)):
        plane.rays(pair)


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_file_is_what_its_name_ends_in_and_has_no_date(tmp_path: Path, suffix: str, start: bytes) -> None:
    for name in ("a", "b"):
        canvas.save(boards.cost(results.read_all([CORE])), tmp_path / f"{name}.{suffix}")
    contents = [(tmp_path / f"{name}.{suffix}").read_bytes() for name in ("a", "b")]
    assert contents[0].startswith(start)
    assert contents[0] == contents[1]
    with pytest.raises(InputError, match=r"ends in \.png"):
        canvas.save(Figure(), tmp_path / "a.gif")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_background_is_the_theme_s_or_none(tmp_path: Path, theme: canvas.ThemeName) -> None:
    with canvas.themed(theme):
        for background in ("paper", "transparent"):
            canvas.save(canvas.blank(1, 1, ""), tmp_path / f"{background}.png", background)
    corners = [
        Image.open(tmp_path / f"{name}.png").convert("RGBA").getpixel((0, 0)) for name in ("paper", "transparent")
    ]
    paper = tuple(round(255 * part) for part in matplotlib.colors.to_rgb(canvas.INK[theme][1]))
    assert corners[0] == (*paper, 255)
    assert corners[1][3] == 0  # pyright: ignore[reportOptionalSubscript, reportIndexIssue]


@pytest.fixture
def with_curves(tmp_path: Path) -> Path:
    """Rows of two methods on two families and two seeds, whose curves rise to their cosines."""
    rows = [
        row | {"seed": seed, "curve": [
            {"steps": 4**k, "seconds": 2.0 * 4**k, "dual_value": 0.0, "metrics": {"cos": (row["metrics"]["cos"]["value"] + seed) * k / 3, "skill": None}}
            for k in range(4)
        ]}
        for row in results.read(CORE) for seed in (0, 1)
        if row["seed"] == 0 and row["method"] in ("LP", "KR") and row["pair"] in ("product-d16", "smooth-d16")
    ]  # fmt: skip
    results.write(tmp_path / "curves.json", rows)
    return tmp_path / "curves.json"


def test_trainings_of_different_lengths_make_one_line(with_curves: Path) -> None:
    rows = [row for row in results.read(with_curves) if (row["method"], row["family"]) == ("LP", "smooth")]
    longer = rows[1] | {
        "steps": 4 * rows[1]["steps"], "curve": [point | {"steps": 4 * point["steps"]} for point in rows[1]["curve"]],
    }  # fmt: skip
    (line,) = curves.scores([rows[0], longer], "cos", "steps").axes[0].lines
    np.testing.assert_allclose(line.get_xdata(), [(4**k + 4 ** (k + 1)) / 2 for k in range(4)])
    assert (np.diff(line.get_ydata()) > 0).all()


def test_a_learning_curve_is_a_mean_over_seeds(with_curves: Path) -> None:
    rows = results.read(with_curves)
    figure = curves.scores(rows, "cos", "seconds")
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes] == ["product", "smooth"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["LP", "KR"]  # in the order of the tables
    (line,) = [line for line in figure.axes[1].lines if line.get_label() == "KR"]
    ends = [row["curve"][-1]["metrics"]["cos"] for row in rows if (row["method"], row["family"]) == ("KR", "smooth")]
    assert len(ends) == 2
    np.testing.assert_allclose(line.get_xydata()[-1], (128, np.mean(ends)))
    np.testing.assert_allclose(line.get_xydata()[0], (2, 0))
    with pytest.raises(InputError, match="no row has a curve of skill"):
        curves.scores(rows, "skill", "steps")


def test_skill_far_below_the_trivial_critics_leaves_room_for_what_is_above() -> None:
    rows = results.read(CORE)
    figure = curves.scores(rows, "skill", "steps")
    families = {row["family"] for row in rows} - set(CONTROLS)
    assert {axes.get_title(loc="left") or axes.get_title() for axes in figure.axes} == families
    assert {axes.get_ylim() for axes in figure.axes} == {(-1.5, 1.05)}
    assert figure.get_supylabel() == "skill (not drawn below -1.5)"
    dotted = {line.get_label() for axes in figure.axes for line in axes.lines if line.get_linestyle() == ":"}
    assert dotted == {"DOT", "kmeans", "sinkhorn", "sliced", "energy", "radial", "shift"}  # what does not train
    above = curves.scores([row for row in rows if row["method"] == "cones"], "skill", "steps")
    assert above.get_supylabel() == "skill"
    assert above.axes[0].get_ylim()[0] > -1.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_stands_out_from_its_paper(theme: canvas.ThemeName) -> None:
    """A contrast of 3 to 1, which WCAG 2.1 asks of graphics; text has 4.5."""
    ink, paper, _ = canvas.INK[theme]
    assert contrast(ink, paper) >= 4.5
    assert min(contrast(color, paper) for color in canvas.PALETTE[theme]) >= 3


def contrast(a: str, b: str) -> float:
    def light(color: str) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in matplotlib.colors.to_rgb(color)]
        return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))

    dark, bright = sorted((light(a), light(b)))
    return (bright + 0.05) / (dark + 0.05)


def test_every_figure_is_drawn_by_the_command(archive: Path, half: Path, with_curves: Path, tmp_path: Path) -> None:
    sidecar = {"method": "lp", "pair": PLANE, "w1": 1.0, "dual_values": [[50, 0.5], [100, None], [110, 0.75]]}
    (tmp_path / "lp.json").write_text(json.dumps(sidecar))
    figures: dict[str, list[object]] = {
        "surfaces": [archive / PLANE, half], "rays": [archive / PLANE], "pictures": [archive / "small-digits", "--count", 3],
        "heat": [CORE, "--metric", "l2"], "dimensions": [CORE, "--method", "LP"], "cost": [CORE], "curves": [with_curves, "--over", "seconds"],
        "learning": [tmp_path / "lp.json"], "bias": [archive / PLANE], "congestion": [archive / PLANE, half, "--penalty-weight", 1],
    }  # fmt: skip
    for kind, words in figures.items():
        out = tmp_path / f"{kind}.png"
        options = ("--out", out, "--theme", "dark", "--background", "transparent", "--json")
        done = command("plot", kind, *words, *options, environment=dict(os.environ))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {
            "figure": kind,
            "file": str(out),
            "theme": "dark",
            "background": "transparent",
        }
        assert out.read_bytes().startswith(b"\x89PNG")
    done = command("plot", "rays", archive / PLANE, "--out", tmp_path / "rays.gif", environment=dict(os.environ))
    assert (done.returncode, "ends in .png" in done.stderr) == (2, True)
