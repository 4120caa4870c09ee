"""The generator that comes with w1bench: its card says what its figures say, and these can be had again."""

from __future__ import annotations

import json
import re

import numpy as np

from w1bench.sources.generators.catalogue import EMBEDDED
from w1bench.sources.generators.pushforward import load_generator
from w1bench.sources.generators.training.fidelity import measure
from w1bench.sources.generators.training.split import split
from w1bench.sources.generators.training.train import ARCHITECTURE
from w1bench.sources.images.photographs import photograph_patches

FIGURES = json.loads((EMBEDDED / "patches32.json").read_text())
CARD = (EMBEDDED / "README.md").read_text()


def test_the_card_quotes_the_figures() -> None:
    for value in FIGURES["fidelity"].values():
        assert f"{value}" in CARD
    assert f"{FIGURES['training']['steps']:,} steps of {FIGURES['training']['batch']} patches" in CARD
    assert re.search(r"CC0|public domain", CARD)
    assert (EMBEDDED / "patches32.safetensors").stat().st_size < 2_100_000
    assert "patches32.png" in CARD
    assert (EMBEDDED / "patches32.png").is_file()


def test_samples_are_nearer_to_held_out_patches_than_a_gaussian_is() -> None:
    """On another draw than the card's, and a smaller one."""
    generator = load_generator(EMBEDDED / "patches32.safetensors", ARCHITECTURE)
    training, held_out = split(photograph_patches(None, 32).photographs, 32, FIGURES["training"]["seed"])
    figures = measure(generator.draw, training.draw, held_out.draw, seed=5, rows=1024)
    assert figures.samples < figures.gaussian
    assert figures.samples_detail < figures.gaussian_detail / 2
    assert 0.5 < figures.samples_nearest / figures.held_out_nearest < 1.5
    spread = generator.draw(np.random.default_rng(0), 256).std(axis=0).mean()
    assert spread > 0.8 * held_out.draw(np.random.default_rng(0), 256).std(axis=0).mean(), "modes are missing"
