# Two commands: `make reproduce` and `make test`. Each creates .venv first where it is missing.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# faiss-cpu and faiss-gpu exclude each other: take the GPU build only where an NVIDIA GPU answers
FAISS := $(shell nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo gpu || echo cpu)
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help reproduce test install verify paper studies pocket figures lint types unit doctor benchmarks clean

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

reproduce: verify paper pocket figures ## verify the claims, rerun Figures 2 and 5 and the pocket comparison, draw the report
	@echo
	@echo "Figures: figures/gallery/    Report: report.html    Tables: results/"

test: $(VENV)/.dev ## run lint, types and tests
	@$(MAKE) --no-print-directory lint types unit

install: $(VENV)/.run ## create .venv with what `make reproduce` needs

verify: results/ledger.json ## check every claim of the ledger, where its code has changed

results/ledger.json: $(shell find qtheory -name '*.py' -o -name '*.csv') | $(VENV)/.run
	@mkdir -p $(@D)
	$(PY) -m qtheory verify --json $@

paper: $(VENV)/.run ## run the studies behind Figures 2 and 5
	$(PY) -m sims variance-scaling --preset paper
	$(PY) -m sims quantizer-variance --preset paper

studies: $(VENV)/.run ## run all Monte Carlo studies (about 10 minutes; their tables are stored in sims/results)
	$(PY) -m sims all --preset paper --jobs $(OMP_NUM_THREADS)

pocket: $(VENV)/.run ## run the comparison on the shipped photographs, all three phases
	$(PY) -m empirical substitute --preset pocket
	$(PY) -m empirical adapt --preset pocket
	$(PY) -m empirical joint --preset pocket
	$(PY) -m empirical table --preset pocket

figures: $(VENV)/.run ## draw all figures and the report from the stored tables
	$(PY) -m figures

lint: $(VENV)/.dev ## check format and lint
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: $(VENV)/.dev ## check types
	$(PY) -m mypy

unit: $(VENV)/.dev ## run the tests, in as many processes as there are cores, four at most
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n auto --maxprocesses 4

doctor: $(VENV)/.run ## report what is installed, what is wrong and how to mend it
	$(PY) -m qtheory doctor

benchmarks: $(VENV)/.dev ## time against named peers, in the same run
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[benchmarks]'
	$(PY) -m benchmarks

clean: ## remove .venv, results and caches
	rm -rf $(VENV) results report.html .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The stamps are written last, so that an interrupted installation is repeated.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "qtheory needs Python 3.11 or newer, got $$($(PYTHON) -V): run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[$(FAISS),empirical,report]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[$(FAISS),empirical,report,dev]'
	@touch $(VENV)/.run $@
