"""A slice is the rows of the file, exactly, in every form."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from w1bench_server.errors import ProblemError
from w1bench_server.pairs import slices
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.pairs.slices import Form

SLICE = "/v1/pairs/small-d2-n4-p8/slice"
Problem = Callable[[Any, int], dict[str, Any]]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1499), st.integers(1, 1600), st.sampled_from(["input", "gradient", "input_potential"]))
def test_every_form_holds_the_rows(
    shared: TestClient, pair: PublishedPair, start: int, count: int, dataset: str
) -> None:
    params = {"file": "test.h5", "dataset": dataset, "start": start, "stop": start + count}
    answers = {form: shared.get(SLICE, params=params | {"format": form.value}) for form in Form}
    with h5py.File(pair.folder / "test.h5") as file:
        rows = file[dataset][start : start + count]
    npy = np.load(io.BytesIO(answers[Form.npy].content))
    assert npy.dtype == rows.dtype
    assert np.array_equal(npy, rows)
    document = answers[Form.json].json()
    assert np.array_equal(np.array(document["rows"]), rows)
    assert (document["start"], document["stop"], document["shape"]) == (start, start + len(rows), list(rows.shape))
    text = np.loadtxt(io.StringIO(answers[Form.csv].text), delimiter=",", ndmin=2)
    assert np.array_equal(text, rows.reshape(len(rows), -1))
    assert answers[Form.csv].headers["content-type"] == "text/csv; charset=utf-8"


def test_pictures_come_whole(shared: TestClient, archive: Any) -> None:
    path = "/v1/pairs/small-photos/slice?file=train.h5&dataset=input"
    with h5py.File(archive / "small-photos" / "train.h5") as file:
        assert np.array_equal(np.load(io.BytesIO(shared.get(path).content)), file["input"][:])


def test_head_sends_no_rows(shared: TestClient) -> None:
    answer = shared.head(SLICE, params={"file": "test.h5", "dataset": "input", "format": "json"})
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", "application/json")


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"file": "nothing.h5", "dataset": "input"}, 404),
        ({"file": "manifest.json", "dataset": "input"}, 404),
        ({"file": "test.h5", "dataset": "nothing"}, 404),
        ({"file": "test.h5", "dataset": "input", "start": 1500}, 422),
        ({"file": "test.h5", "dataset": "input", "start": 5, "stop": 5}, 422),
        ({"file": "test.h5", "dataset": "input", "start": -1}, 422),
        ({"file": "test.h5", "dataset": "input", "start": "9" * 400}, 422),
        ({"file": "test.h5", "dataset": "input", "start": "1e999"}, 422),
        ({"file": "test.h5", "dataset": "input", "format": "xml"}, 422),
        ({"dataset": "input"}, 422),
    ],
)
def test_rows_that_are_not_there_are_a_problem(
    shared: TestClient, is_problem: Problem, params: dict[str, Any], status: int
) -> None:
    is_problem(shared.get(SLICE, params=params), status)


@pytest.mark.parametrize("form", Form)
def test_too_many_rows_are_413_with_a_number_that_fits(pair: PublishedPair, form: Form) -> None:
    recipe = pair.manifest.recipe | {"sizes": pair.manifest.recipe["sizes"] | {"train": 10**8}}
    large = PublishedPair(pair.folder, pair.manifest.model_copy(update={"recipe": recipe}), pair.digest)
    with pytest.raises(ProblemError, match="rows at a time") as refused:
        slices.take(large, "train.h5", "input", 0, None, form)
    assert refused.value.status == 413
    fits = int(str(refused.value).split(" rows at a time")[0].split()[-1])
    slices.take(large, "train.h5", "input", 0, fits, form)
    with pytest.raises(ProblemError):
        slices.take(large, "train.h5", "input", 0, fits + 1, form)
