# `make demo` and `make test` do all set-up; `make check` is what they are held to, and `make test-all` what a release is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Compiled modules are kept, where the caller's environment says otherwise, too: tests start hundreds of processes that import them.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-all suite check lint types docs gallery conclusions notebooks archive results fuzz-api load clean

demo: $(VENV)/.installed docs
	bash docs/demo.sh

docs: $(VENV)/.installed
	cd docs/site && NO_MKDOCS_2_WARNING=1 ../../$(BIN)/python -m mkdocs build --quiet --strict
	@echo "The documentation is in build/docs: open build/docs/index.html, or W1BENCH_DOCS=build/docs w1bench serve."

gallery: $(VENV)/.installed
	$(BIN)/python docs/site/gallery.py

conclusions: $(VENV)/.installed
	$(BIN)/python docs/site/conclusions.py

notebooks: $(VENV)/.installed
	$(BIN)/python docs/site/notebooks.py

archive: $(VENV)/.installed
	bash docs/archive.sh

# Types are checked beside the tests.
test: $(VENV)/.installed lint
	+$(MAKE) --no-print-directory --jobs=2 types suite

suite: $(VENV)/.installed
	$(BIN)/python -m pytest

# With the cases that `make test` leaves out (tests/support/slow.py).
test-all: $(VENV)/.installed check
	$(BIN)/python -m pytest -m ""

check: lint types

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/pyright
	$(BIN)/lint-imports

results: $(VENV)/.installed
	$(BIN)/w1bench results datasets/results/*.json > datasets/results/tables.md
	$(BIN)/python docs/site/conclusions.py

fuzz-api: $(VENV)/.installed
	PYTHONPATH=tests $(BIN)/python -m fuzz.api --postgres

load: $(VENV)/.installed
	PYTHONPATH=tests $(BIN)/python -m load.clients

# The stamp is newer than the packaging files exactly when the environment matches them.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "w1bench needs Python 3.11 or newer; $(PYTHON) is older. Run: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist
