#!/usr/bin/env bash
# Build and verify every catalogued pair that needs no outside file, and list them; pairs that are there already are kept.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
archive=${1:-archive}
for recipe in datasets/recipes/*.toml; do
  pair=$(basename "$recipe" .toml)
  [ -e "$archive/$pair" ] || w1bench build "$pair" --archive "$archive" --resume
  w1bench verify "$archive/$pair" --json > /dev/null
done
w1bench list --archive "$archive"
