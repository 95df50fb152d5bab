# Two commands do everything:  make lab   and   make test.   `make help` lists the rest.
# Needs make, git and Python 3.10 or newer. Another Python:  make lab PYTHON=python3.12
# More for JupyterLab:  make lab ARGS="--ip=0.0.0.0 --port=9000"
# Less for pytest:      make test ARGS=tests/losses/test_softmax.py       make test ARGS="-k sigmoid"
# Your own images:      make demo ARGS=~/Pictures
# In one process:       make unit ARGS="tests/losses -n 0 --pdb"          make notebooks ARGS=notebooks/03_pixels.ipynb

PYTHON ?= python3
ARGS   :=

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
EXTRAS := lab,test,site

STAGES := lint types unit notebooks

# Test files run two at a time, and so do notebooks, each with one thread: tiny tensors are slower with more.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
# What trains for a number of seconds learns less beside another: these have both cores to themselves.
ALONE := notebooks/08_training.ipynb

# The longest first, so that two which run side by side end at about the same time.
LONG := $(wildcard notebooks/22_*.ipynb notebooks/04_*.ipynb notebooks/17_*.ipynb notebooks/05_*.ipynb notebooks/13_*.ipynb)

# What is tested: the files that ARGS names, else all. The rest of ARGS are options, with which a run of pytest may be
# left without a test (its exit status 5): no failure.
TESTS     := $(filter tests tests/%,$(ARGS))
NOTEBOOKS := $(filter notebooks/%,$(ARGS))
ifeq ($(TESTS)$(NOTEBOOKS),)
  TESTS     := tests
  NOTEBOOKS := $(LONG) $(filter-out $(LONG),$(sort $(wildcard notebooks/*.ipynb)))
endif
OPTIONS := $(filter-out tests tests/% notebooks/%,$(ARGS))
# At the end of a run: which of them took longest.
LONGEST := --durations=12 --durations-min=5
pytest   = OMP_NUM_THREADS=$(1) $(BIN)/python -m pytest $(2) $(OPTIONS)$(if $(ARGS), || [ $$? = 5 ])
# What passed is kept there with its outputs, for the site.
nbmake   = CLIP_TUTOR_EXECUTED=build/executed $(call pytest,$(1),--nbmake --nbmake-timeout=1200 $(2))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help lab demo test quick ready checked lint types unit fast notebooks site format clean distclean

help:
	@echo "make lab        set up .venv on first use, then open JupyterLab at the first notebook"
	@echo "make demo       set up likewise, then open the image search; of your own: make demo ARGS=~/Pictures"
	@echo "make test       set up .venv on first use, then run everything below and say what failed:"
	@echo "  make lint       ruff: mistakes and layout"
	@echo "  make types      mypy: the library's type hints"
	@echo "  make unit       pytest: the tests in tests/"
	@echo "  make notebooks  pytest --nbmake: every notebook, top to bottom"
	@echo "make quick      lint, types, and the tests that are not slow: an answer in two minutes"
	@echo "make site       the course as pages to read, in build/site/html; runs the notebooks that have changed since their last run"
	@echo "make format     lay out the code with ruff, strip the outputs from the notebooks"
	@echo "make clean      remove caches and build leftovers; make distclean removes .venv as well"

# As root, over SSH or without a screen there is no browser to open: the address is printed instead.
NO_SCREEN = [ "`uname -s`" = Linux ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ]
NO_BROWSER = [ "`id -u`" = 0 ] || [ -n "$$SSH_CONNECTION" ] || { $(NO_SCREEN); }

lab: ready
	@root=; if [ "`id -u`" = 0 ]; then root=--allow-root; fi; \
	if $(NO_BROWSER); then \
	  browser=--no-browser; echo "==> Starting JupyterLab: open the address it prints (Ctrl-C twice stops it)"; \
	else \
	  browser=; echo "==> Opening JupyterLab in your browser (Ctrl-C twice stops it)"; \
	fi; \
	cd notebooks && exec ../$(BIN)/python -m jupyterlab $$root $$browser \
	  --LabApp.default_url=/lab/tree/00_start_here.ipynb $(ARGS)

demo: ready
	@if $(NO_BROWSER); then \
	  browser=--no-browser; echo "==> Starting the image search: open the address it prints (Ctrl-C stops it)"; \
	else \
	  browser=; echo "==> Opening the image search in your browser (Ctrl-C stops it)"; \
	fi; \
	exec $(BIN)/python -m clip_tutor.lab.demo $(ARGS) $$browser

test: ready
	@failed=; \
	for stage in $(STAGES); do $(MAKE) -s --no-print-directory $$stage || failed="$$failed $$stage"; done; \
	if [ -n "$$failed" ]; then echo "==> FAILED:$$failed" >&2; exit 1; fi; \
	echo "==> all passed: $(STAGES)"

quick:
	@$(MAKE) -s --no-print-directory test STAGES="lint types fast"

lint: ready
	@echo "==> ruff check"
	@$(BIN)/python -m ruff check .
	@echo "==> ruff format --check"
	@$(BIN)/python -m ruff format --check .

types: ready
	@echo "==> mypy"
	@$(BIN)/python -m mypy

unit: ready
	@echo "==> pytest"
	@$(if $(TESTS),$(call pytest,1,$(SIDE_BY_SIDE) $(LONGEST) $(TESTS)))

fast: ready
	@echo "==> pytest, without the slow tests"
	@$(if $(TESTS),$(call pytest,1,$(SIDE_BY_SIDE) -m "not slow and not browser" $(TESTS)))

notebooks: ready
	@echo "==> pytest --nbmake notebooks/"
	@failed=; \
	$(if $(filter-out $(ALONE),$(NOTEBOOKS)),$(call nbmake,1,$(SIDE_BY_SIDE) $(LONGEST) $(filter-out $(ALONE),$(NOTEBOOKS))) || failed=yes;) \
	$(if $(filter $(ALONE),$(NOTEBOOKS)),$(call nbmake,2,$(LONGEST) $(filter $(ALONE),$(NOTEBOOKS))) || failed=yes;) \
	[ -z "$$failed" ]

# ARGS="03 07" builds it with these notebooks alone.
site: ready
	@stale=`$(BIN)/python -m clip_tutor.lab.course.executed $(ARGS)` || exit 1; \
	[ -z "$$stale" ] || $(MAKE) -s --no-print-directory notebooks ARGS="`echo $$stale`"
	@echo "==> sphinx"
	@$(BIN)/python docs/site/build.py $(ARGS)

format: ready
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .
	@$(BIN)/python -m nbstripout --keep-id --extra-keys "metadata.language_info metadata.colab cell.metadata.colab" notebooks/*.ipynb

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache tests/browser/screenshots
	find . -name $(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

# ---- the environment ------------------------------------------------------------------------------------------------
# `ready` leaves a working .venv whatever it finds: none, a good one (then it does nothing), a half-made one,
# one from before the folder moved or the system's Python changed.

NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 10))'

ready: checked
	@$(MAKE) -s --no-print-directory $(STAMP)

# The stamp holds the place it was written in, and counts only there and with a Python that starts.
checked:
	@if [ "`cat $(STAMP) 2>/dev/null`" = "`pwd`" ] && $(BIN)/python -c "" 2>/dev/null; then exit 0; fi; \
	rm -f $(STAMP); \
	if [ -e $(VENV) ] && ! { $(BIN)/python $(NEW_ENOUGH) && $(BIN)/python -m pip --version; } >/dev/null 2>&1; then \
	  echo "==> Removing $(VENV): it is half-made, or its Python is gone or too old"; \
	  rm -rf $(VENV); \
	fi

$(STAMP): pyproject.toml
	@if [ ! -e $(VENV) ]; then \
	  $(PYTHON) -c "" 2>/dev/null || { \
	    echo "make: cannot run '$(PYTHON)'. Install Python 3.10 or newer, or name yours: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	  $(PYTHON) $(NEW_ENOUGH) || { \
	    echo "make: '$(PYTHON)' is `$(PYTHON) --version 2>&1`, and the kit needs 3.10 or newer." >&2; \
	    echo "      If you have one under another name: make PYTHON=python3.12" >&2; exit 1; }; \
	  $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "make: this Python comes without its venv module. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }; \
	  echo "==> Making $(VENV) with `$(PYTHON) --version 2>&1`"; \
	  $(PYTHON) -m venv $(VENV); \
	fi
	@# An interrupted pip leaves packages without its INSTALLER mark, or half removed under a name with ~: do those again.
	@for dist in $(VENV)/lib/python3*/site-packages/*.dist-info; do \
	  if [ -d "$$dist" ] && [ ! -s "$$dist/INSTALLER" ]; then rm -rf "$$dist"; fi; \
	done; \
	rm -rf $(VENV)/lib/python3*/site-packages/~*
	@echo "==> Installing the kit and what it needs into $(VENV): up to 7 GB, most of it PyTorch; a few minutes the first time"
	@$(BIN)/python -m pip install --disable-pip-version-check -e ".[$(EXTRAS)]"
	@pwd > $@
	@echo "==> $(VENV) is ready"
