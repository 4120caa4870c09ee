"""A small pair that is built on the spot, as a data set of the benchmark."""

import tempfile
from pathlib import Path

from benchopt import BaseDataset

import w1bench
from w1bench.builder.build import build
from w1bench.recipes.recipe import parse_recipe


class Dataset(BaseDataset):
    """Funnels in a cube of `dim` dimensions."""

    name = "simulated"
    requirements = ["w1bench[torch]"]
    parameters = {"dim": [2], "funnels": [4]}

    def get_data(self):
        recipe = {
            "name": f"simulated-d{self.dim}-n{self.funnels}", "power": 8.0, "half_width": 2.5,
            "seed": self.get_seed() % 2**31, "source": {"kind": "uniform", "dim": self.dim},
            "funnel": {"count": self.funnels}, "sizes": {"train": 2000, "test": 500, "probe": 100, "w1_rays": 65536},
        }  # fmt: skip
        self._folder = tempfile.TemporaryDirectory()  # which lives as long as the data set
        return {"pair": w1bench.load(build(parse_recipe(recipe, origin="simulated.py"), Path(self._folder.name)))}
