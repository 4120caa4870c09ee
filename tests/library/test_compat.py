"""The old names: draws of P, of Q and of the plan, each new, flat, and with the laws that they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from w1bench.compat import Celeba64Benchmark, MixToOneBenchmark, load_benchmark
from w1bench.errors import InputError, PairError

NAME = "small-d16-n64-p8"


def test_the_plan_is_optimal_and_its_marginals_are_the_samplers(archive: Path) -> None:
    benchmark = load_benchmark(archive / NAME)
    x, y = benchmark.input_sampler.sample(20_000, flag_plan=True)
    assert x.shape == y.shape == (20_000, 16)
    cost = (x - y).norm(dim=1)
    w1 = benchmark.pair.w1
    assert abs(float(cost.mean()) - w1) < 5 * float(cost.std()) / len(cost) ** 0.5
    centre, offset = (
        torch.from_numpy(a[:]).double() for a in (benchmark.pair.funnel.center, benchmark.pair.funnel.offset)
    )
    values = [(torch.cdist(points.double(), centre) + offset).amin(dim=1) for points in (x, y)]
    torch.testing.assert_close(values[1] - values[0], cost.double(), rtol=0, atol=2e-5)  # each pair lies on a ray of u
    z = benchmark.output_sampler.sample(20_000)
    assert abs(float(z.mean()) - float(y.mean())) < 0.03
    assert not torch.equal(z[:100], y[:100])


def test_samples_of_any_size_go_on_where_the_last_one_ended(archive: Path) -> None:
    whole, parts = (load_benchmark(archive / NAME, seed=3) for _ in range(2))
    x, y = whole.input_sampler.sample(3000, flag_plan=True)
    first, second = parts.input_sampler.sample(1), parts.input_sampler.sample(2999, flag_plan=True)
    assert torch.equal(torch.cat([first, second[0]]), x)
    assert torch.equal(second[1], y[1:])
    assert not torch.equal(load_benchmark(archive / NAME, seed=4).input_sampler.sample(3000), x)
    assert load_benchmark(archive / "small-photos").input_sampler.sample(2).shape == (2, 3 * 32 * 32)
    with pytest.raises(InputError, match="A sample of 0 rows"):
        whole.output_sampler.sample(0)


def test_the_published_pairs_have_their_old_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from support.recipes import small_recipe
    from w1bench.builder.build import build

    recipe = small_recipe("hd-d2-n4-p8", source={"kind": "uniform", "dim": 2}, funnel={"count": 4})
    build(recipe, tmp_path)
    monkeypatch.setenv("W1BENCH_ARCHIVE", str(tmp_path))
    benchmark = MixToOneBenchmark(2, 4)
    assert (benchmark.dim, benchmark.width, benchmark.deg, benchmark.semi_length_square) == (2, 4, 8, 2.5)
    assert np.abs(benchmark.output_sampler.sample(500).numpy()).max() <= 2.5
    with pytest.raises(PairError, match="There is no pair celeba64-n16-p100"):
        Celeba64Benchmark(16, 100)
