"""Samplers: batch k is a function of k, every row comes once an epoch, fresh draws follow their law."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

import w1bench
from making import small_recipe
from w1bench import samplers
from w1bench.pair import make_pair


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
