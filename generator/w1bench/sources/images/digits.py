"""The handwritten digits that scikit-learn carries."""

from __future__ import annotations

import numpy as np

from w1bench.sources.images.package_data import folder_of
from w1bench.sources.pictures import PictureTable


def digits() -> PictureTable:
    """The 1797 handwritten digits of scikit-learn as (1, 8, 8) pictures (Alpaydin and Kaynak, UCI, CC BY 4.0).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    path = folder_of("sklearn", "scikit-learn") / "datasets" / "data" / "digits.csv.gz"
    rows = np.loadtxt(path, delimiter=",", dtype=np.float32)
    return PictureTable((rows[:, :64] / np.float32(8) - np.float32(1)).reshape(-1, 1, 8, 8))
