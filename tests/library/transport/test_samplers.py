"""Samplers: batch k is a function of k, every row comes once an epoch, fresh draws follow their law."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

import w1bench
from support.recipes import small_recipe
from w1bench.rng import fast_stream
from w1bench.transport import samplers
from w1bench.transport.from_recipe import make_pair


def test_every_row_comes_once_an_epoch_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "_SLAB_BYTES", 8 * 30)  # slabs of 30 rows, the last one short
    rows = np.arange(100.0)[:, None]
    draw = samplers.from_rows(rows, 20, seed=1, purpose="input")
    epochs = [torch.cat([draw(5 * e + k) for k in range(5)]).flatten().tolist() for e in range(3)]
    assert all(sorted(epoch) == list(range(100)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_batches_run_over_the_ends_of_epochs() -> None:
    draw = samplers.from_rows(np.arange(7.0)[:, None], 5, seed=1, purpose="input")
    values = torch.cat([draw(k) for k in range(7)]).flatten().tolist()
    assert sorted(values) == sorted([*range(7)] * 5)


def test_a_batch_is_a_function_of_its_number() -> None:
    rows = np.random.default_rng(0).random((1000, 3))
    draw = samplers.from_rows(rows, 64, seed=1, purpose="input")
    first = [draw(k) for k in range(30)]
    again = samplers.from_rows(rows, 64, seed=1, purpose="input")
    for k in (29, 3, 17):
        assert torch.equal(again(k), first[k])
    assert not torch.equal(samplers.from_rows(rows, 64, seed=2, purpose="input")(0), first[0])
    assert not torch.equal(samplers.from_rows(rows, 64, seed=1, purpose="target")(0), first[0])


@pytest.mark.parametrize("batch", [100, 1024, 1500])
def test_fresh_draws_do_not_depend_on_how_they_are_asked_for(batch: int) -> None:
    pair = make_pair(small_recipe())
    x, y = samplers.fresh_inputs(pair, batch, seed=3), samplers.fresh_targets(pair, batch, seed=3)
    assert torch.equal(x(2), torch.cat([x(0), x(1), x(2)])[2 * batch :])
    assert (x(0).shape, y(0).dtype) == ((batch, 2), torch.float32)
    assert not torch.isin(y(0), y(1)).any()


def test_fresh_draws_have_the_law_of_the_stored_ones(archive: Path) -> None:
    for name in ("small-d2-n4-p8", "small-photos"):
        pair = w1bench.load(archive / name)
        for fresh, stored in zip(pair.sampler(1000), (pair.train.input, pair.train.target), strict=True):
            drawn = fresh(0).numpy().reshape(1000, -1)
            for axis in range(2):
                assert ks_2samp(drawn[:, axis], stored[:].reshape(len(stored), -1)[:, axis]).pvalue > 1e-5
            assert fresh(0).shape[1:] == pair.shape


def test_fresh_inputs_are_the_map_of_targets_to_single_precision() -> None:
    """They are drawn by a faster stream, and traced through a product in float32."""
    pair = make_pair(small_recipe("small-d16-n64-p8", source={"kind": "uniform", "dim": 16}, funnel={"count": 64}))
    y = fast_stream(pair.recipe.seed, "sampler.input/3", 0).random((1024, 16)) * 5 - 2.5
    x = samplers.fresh_inputs(pair, 1024, seed=3)(0).numpy()
    exact = np.empty(y.shape)
    pair.map.trace(y, moved=exact)
    near = np.linalg.norm(x - exact, axis=1) < 1e-4
    assert near.mean() > 0.999  # a target between two funnels may follow the other one's ray
    assert np.abs(pair.map.potential.value(x) - pair.map.potential.value(exact)).max() < 1e-4
    assert not np.array_equal(fast_stream(7, "a", 0).random(4), fast_stream(7, "a", 1).random(4))


def test_batches_drawn_ahead_are_the_same_batches() -> None:
    pair = make_pair(small_recipe())
    inputs, targets = samplers.fresh_inputs(pair, 100, seed=3), samplers.fresh_targets(pair, 100, seed=3)
    asked: list[int] = []

    def counted(k: int) -> torch.Tensor:
        asked.append(k)
        return inputs(k)

    with samplers.ahead(counted, targets) as (x, y):
        for k in (0, 1, 2, 7, 8, 3):
            assert torch.equal(x(k), samplers.fresh_inputs(pair, 100, seed=3)(k))
            assert torch.equal(y(k), samplers.fresh_targets(pair, 100, seed=3)(k))
    assert set(asked) <= {0, 1, 2, 3, 4, 7, 8, 9}


def test_what_fails_ahead_fails_when_it_is_asked_for() -> None:
    def failing(k: int) -> torch.Tensor:
        if k == 1:
            raise ValueError("batch 1")
        return torch.zeros(1)

    with samplers.ahead(failing) as (draw,):
        draw(0)
        with pytest.raises(ValueError, match="batch 1"):
            draw(1)
