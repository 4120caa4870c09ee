"""Catalogued pairs of w1bench, as data sets of the benchmark."""

from benchopt import BaseDataset

import w1bench


class Dataset(BaseDataset):
    """Pairs by name, from W1BENCH_ARCHIVE or W1BENCH_SERVER."""

    name = "pairs"
    requirements = ["w1bench"]
    parameters = {"pair": ["hd-d2-n4-p8", "hd-d16-n64-p8"]}

    def get_data(self):
        return {"pair": w1bench.load(self.pair)}
