"""croissant.json: a pair as data catalogues read it, in Croissant 1.1 (https://docs.mlcommons.org/croissant).

Croissant describes no arrays inside HDF5, so it has the data set and its files, and no record sets. Addresses are relative,
for an archive may lie on any host; there is no date, for one recipe gives the same bytes on any day.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from w1bench.archive.citation import BIBTEX
from w1bench.archive.folder import DIAGNOSTICS
from w1bench.archive.manifest import FILENAME, Manifest, PairState
from w1bench.builder.describe.family import describe_map, describe_source
from w1bench.builder.describe.responsible import RAI, author_of, responsible
from w1bench.storage.files import file_digest

CROISSANT = "croissant.json"
_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject", "fileProperty",
    "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
    "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS},
}
_LICENCES = {spdx: f"https://spdx.org/licenses/{spdx}.html" for spdx in ("CC0-1.0", "CC-BY-4.0")}
_MEDIA = {".h5": "application/x-hdf5", ".json": "application/json", ".md": "text/markdown", ".png": "image/png"}
_ROLES = {
    "train.h5": "Independent draws of the two distributions, unpaired: what a solver learns from.",
    "test.h5": "Further draws, with the optimal potential, its gradient and the partners under the optimal plan.",
    "probe.h5": "Random interpolates between the two distributions.",
    "funnel.h5": "Centres and offsets of the MinFunnels, which make minus the optimal potential.",
    "potential.h5": "What else determines the potential: a basis, rotation, direction or frame.",
    FILENAME: "The recipe, W1 with its standard error, sizes, digests and the certificate.",
    "README.md": "The data card.",
    "preview.png": "What the two distributions look like.",
    DIAGNOSTICS: "What batches, patches and trivial critics make of the pair.",
}
_SEALED_ROLES = {
    "test.h5": "Further draws, unpaired: where potentials and gradients are asked for.",
    FILENAME: "The recipe without the funnels' draw, sizes, digests and the commitment to the truth.",
}


def croissant(manifest: Manifest, folder: Path) -> str:
    """The JSON-LD of a pair: the files of the manifest, the manifest itself, and the descriptions in `folder`."""
    content = manifest.text().encode()
    descriptions = _ROLES | (_SEALED_ROLES if manifest.sealed else {})
    if manifest.public_recipe().held_out is not None:
        descriptions["train.h5"] += " It is of other pictures than test.h5, which are held out."
    files = [_file(name, descriptions[name], entry.bytes, entry.sha256) for name, entry in manifest.files.items()]
    files.append(_file(FILENAME, descriptions[FILENAME], len(content), hashlib.sha256(content).hexdigest()))
    for name in ("README.md", "preview.png", *([DIAGNOSTICS] if (folder / DIAGNOSTICS).is_file() else [])):
        files.append(_file(name, descriptions[name], (folder / name).stat().st_size, file_digest(folder / name)))
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", RAI],
        "name": manifest.name,
        "description": _description(manifest),
        "url": "./",
        "version": f"{manifest.version}.0.0",
        "license": _licence(manifest.licence),
        "creator": {"@type": "sc:Organization", "name": author_of(manifest)},
        "citeAs": BIBTEX,
        "keywords": ["optimal transport", "Wasserstein-1", "WGAN", "benchmark"],
        **responsible(manifest),
        "distribution": files,
    }
    return json.dumps(document, indent=1) + "\n"


def _file(name: str, description: str, size: int, sha256: str) -> dict[str, str]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": description,
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": _MEDIA[Path(name).suffix],
        "sha256": sha256,
    }


def _description(manifest: Manifest) -> str:
    shape = " x ".join(map(str, manifest.shape))
    about = manifest.public_recipe().about
    return (
        (f"{about.description} " if about and about.description else "")
        + f"Two distributions of points of shape {shape} whose Wasserstein-1 distance{_known(manifest)}: "
        f"targets are {describe_source(manifest)}; inputs are {describe_map(manifest)}; all points lie inside half width {manifest.half_width:g}. In the HDF5 format {manifest.format}, version "
        f"{manifest.format_version}."
    )


def _known(manifest: Manifest) -> str:
    if manifest.state is PairState.SEALED:
        return ", optimal potential, gradient and plan are known to those who made them, and committed to"
    w1 = manifest.known_w1
    error = f"standard error {w1.stderr:.2g}" if w1.rays else "exactly"
    return f" ({w1.value:.8g}, {error}), optimal potential, gradient and plan are known"


def _licence(licence: str) -> str | list[str]:
    """The address of the licence that the sentence begins with, and the sentence if it says more; the sentence alone of other licences."""
    address = _LICENCES.get(licence.split(maxsplit=1)[0])
    if address is None:
        return licence
    return address if licence in _LICENCES else [address, licence]
