# `make demo` and `make test` set up everything they need in .venv/. PYTHON chooses the interpreter (3.11 to 3.13).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# torch first and pinned: the build that the tests were seen to pass with.
TORCH ?= torch==2.13.0

.PHONY: install demo test check bench clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@

demo: install
	$(BIN)/auscult demo

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A worker on each core, one thread each: more threads than cores wait for each other.
test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

bench: install
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo-run runs
