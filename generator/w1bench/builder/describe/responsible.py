"""What a pair says of its making, its use and the people in it: the Responsible-AI fields of Croissant (https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html)."""

from __future__ import annotations

from typing import Any

from w1bench.archive.manifest import Manifest
from w1bench.builder.describe.family import describe_map, describe_source
from w1bench.recipes.sources import GeneratorSource, ImageSource

RAI = "http://mlcommons.org/croissant/RAI/1.0"
_PEOPLE = {
    "celeba": "Faces of public persons, collected from the web by the authors of CelebA without their consent; no names are stored.",
    "cifar10": "Small pictures from the web, in which persons may appear by chance; no names are stored.",
    "photos": "One of the six photographs is a portrait of an astronaut, in the public domain; no names are stored.",
    "digits": "Handwriting of 43 persons, without their names.",
}


def author_of(manifest: Manifest) -> str:
    """Who made the pair: whom its recipe names, else the authors of w1bench."""
    about = manifest.public_recipe().about
    return about.author if about and about.author else "The w1bench authors"


def responsible(manifest: Manifest) -> dict[str, Any]:
    """The fields by their names in the namespace `rai`."""
    source = manifest.public_recipe().source
    real = isinstance(source, ImageSource)
    drawn = "drawn by the program from a recipe; every byte follows from the recipe and its seed"
    return {
        "rai:dataCollection": f"Nothing was collected for this pair. Targets are {describe_source(manifest)}; inputs are {describe_map(manifest)}. Both are {drawn}.",
        "rai:dataCollectionType": ["Secondary Data Analysis", "Software Collection"] if real else ["Software Collection"],
        "rai:dataPreprocessingProtocol": "Pixels are scaled to [-1, 1], and normal noise is added." if real else "None.",
        "rai:dataAnnotationProtocol": "Potentials, gradients and partners are computed from a theorem (Korotin, Kolesov, Burnaev, NeurIPS 2022), not annotated; the certificate in manifest.json bounds their errors.",
        "rai:dataLimitations": "One pair is one family, dimension and size: a method's score here says little of another pair. The potential has a known form, which a method may exploit. "
        + ("Train and test rows are draws from the same pictures." if real else "The data are synthetic, and no application's."),
        "rai:dataBiases": "Those of the pictures that it was built from." if real or isinstance(source, GeneratorSource) else "None of people: the data are synthetic.",
        "rai:dataUseCases": "Measuring how wrong estimates of the Wasserstein-1 distance, its potential and its gradient are. Not for training models of pictures.",
        "rai:dataSocialImpact": "Generative models can be judged by how well their critics work; no harm beyond that of the models themselves is expected.",
        "rai:personalSensitiveInformation": _PEOPLE.get(source.dataset, "None.") if isinstance(source, ImageSource) else "None.",
        "rai:dataReleaseMaintenancePlan": "A published pair never changes; a mistake makes a new version under a new name, and the old one keeps its digest.",
        "rai:hasSyntheticData": True,
    }  # fmt: skip
