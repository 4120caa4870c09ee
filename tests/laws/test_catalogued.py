"""What was catalogued when all pairs were funnels' keeps its hash and its values, whatever families come."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest

import w1bench
from support.files import ROOT
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.builder.build import build
from w1bench.recipes.files import find_recipe

HASHES: dict[str, str] = json.loads(Path(__file__).with_name("catalogued.json").read_text())
# Of hd-d2-n4-p8 with 4000 rows to train on. Draws are the same on every machine, ...
DRAWN = {
    "train.h5/target": "2ea58311dda5eaf5",
    "test.h5/target": "69919985ac773f42",
    "test.h5/transported": "831a26a7d1bd5e2c",
    "funnel.h5/center": "7d65fc8c5b60f2b1",
}
# ... what is computed from them is so to seven decimals, ...
ROUNDED = {
    "train.h5/input": "138baac8e0b2a21a",
    "test.h5/gradient": "8613b2662752d5e3",
    "test.h5/input": "9596a45e8407319c",
    "test.h5/input_potential": "1f2fe039983ffbb1",
    "test.h5/target_potential": "95b4ce7637081918",
    "probe.h5/interpolate": "4670f9f9d58a5cea",
    "funnel.h5/offset": "350005aa9dc177df",
}
# ... and to the last bit on processors that round alike: the logical digests of the files, by the processor's name.
LOGICAL = {
    "rocketlake": {
        "train.h5": "9535b5745ea94d648531631565aa43bd9176babf21160e95a5fa9ad74124c1ac",
        "test.h5": "1b38da0595a992e35e83184ac863387ff02ca9e981cfa36c4b03738083996980",
        "probe.h5": "3ba532f7e61fe89cbeb596b399de3e9c0ff41ff95ef7785136d5bccd433bed52",
        "funnel.h5": "66420fb62044b63e98b33f98c6cc3ff63b7fa384d908a53772c71c4ba1bd5e1d",
    }
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = find_recipe("hd-d2-n4-p8").with_sizes(train=4000, w1_rays=1)
    return build(recipe, tmp_path_factory.mktemp("catalogued"))


@pytest.mark.parametrize("name", HASHES)
def test_a_catalogued_recipe_keeps_its_hash(name: str) -> None:
    assert find_recipe(name).sha256() == HASHES[name]


def test_the_list_is_of_all_funnels_that_need_no_file_from_outside() -> None:
    catalogued = [path.stem for path in (ROOT / "datasets" / "recipes").glob("*.toml")]
    assert {name for name in catalogued if find_recipe(name).family in ("funnel", "ball")} >= set(HASHES)
    assert len(HASHES) == 40


def test_the_draws_of_a_catalogued_pair_are_those_that_they_were(folder: Path) -> None:
    pair = w1bench.load(folder)
    arrays = {
        f"{file}.h5/{name}": array
        for file in ("train", "test", "probe", "funnel")
        for name, array in getattr(pair, file).arrays().items()
    }
    exact = {name: hashlib.sha256(arrays[name].tobytes()).hexdigest()[:16] for name in DRAWN}
    rounded = {name: hashlib.sha256((np.round(arrays[name], 7) + 0.0).tobytes()).hexdigest()[:16] for name in ROUNDED}
    assert (exact, rounded) == (DRAWN, ROUNDED)
    assert set(arrays) == set(DRAWN) | set(ROUNDED)


def test_the_files_of_a_catalogued_pair_are_those_of_format_version_1(folder: Path) -> None:
    manifest: Manifest = read_published_manifest(folder)
    for file in manifest.files:
        assert manifest.attributes(file[:-3])["format_version"] == 1
        assert "family" not in manifest.attributes(file[:-3])
    digests = {name: entry.logical_digest for name, entry in manifest.files.items()}
    processor = llvmlite.binding.get_host_cpu_name()
    if processor not in LOGICAL:
        pytest.skip(f"this processor, {processor}, may round otherwise than {', '.join(LOGICAL)}")
    assert digests == LOGICAL[processor]
