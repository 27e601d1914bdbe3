# Bothways: one verb a target. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check docs bench bench-gpu clean
.DELETE_ON_ERROR:

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: $(VENV)/.core ## pretrain a small BERT and a small XLNet on text every machine has, and compare them
	$(BIN)/bothways demo

test: $(VENV)/.dev ## run the tests, on as many as four processors; choose with ARGS="-k recipe"
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal -m "not browser" $(ARGS)

check: $(VENV)/.dev ## format, lint, types, the floors of the house, and pages in Chromium; changes no file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m browser tests/explain tests/pages

docs: $(VENV)/.dev ## write what the pages in docs/ repeat of the code anew
	$(BIN)/python docs/generate.py

bench: $(VENV)/.bench ## measure speed and memory beside transformers; QUICK=1 is short, ARGS='--rows "xlnet small"' chooses
	$(BIN)/bothways bench $(if $(QUICK),--quick) $(ARGS)

bench-gpu: $(VENV)/.bench ## the same on an NVIDIA GPU, after the tests that need one
	@$(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { \
	  echo "error: PyTorch sees no GPU here; run this on a machine with one, or make bench for the processor" >&2; exit 2; }
	$(BIN)/python -m pytest -m gpu
	$(BIN)/bothways bench training.device=cuda $(if $(QUICK),--quick) $(ARGS)

clean: ## remove .venv and caches; runs stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written when an installation is whole, so the second `make` starts at once. pip reads its own
# environment variables and configuration: mirrors, proxies, certificates and caches work as they do elsewhere.
$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) --editable '.[dev,bench]'
	@touch $@ $(VENV)/.core $(VENV)/.dev

$(BIN)/python:
	@command -v $(firstword $(PYTHON)) >/dev/null || { \
	  echo "error: '$(PYTHON)' was not found; install Python 3.11 or newer, or name yours: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $$($(PYTHON) --version) is too old, Bothways needs 3.11 or newer; name another: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	  echo "error: '$(PYTHON) -m venv' failed; install the system package" \
	    "$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])') (Debian, Ubuntu) or the full Python of your system, then run make again" >&2; exit 2; }
