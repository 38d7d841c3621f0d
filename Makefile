# `make demo` and `make test` set up everything they need: a virtual environment in .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo docs test test-all mutants check lint format bench figures exactness options losses picture clean

demo: $(READY)
	$(BIN)/neglog fit --demo diabetes --out runs/demo

TESTS := -m pytest -n auto --dist loadscope --no-loadscope-reorder

test: $(READY)
	$(BIN)/python $(TESTS) -m "not slow"

test-all: $(READY)
	$(BIN)/python $(TESTS)

# Plants faults one at a time, and reports which tests catch each.
mutants: $(READY)
	$(BIN)/python tests/mutants.py

check: lint test-all

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/neglog bench

figures: $(READY)
	$(BIN)/python tests/figures.py

exactness: $(READY)
	$(BIN)/python tests/exactness_table.py

# Writes docs/options.md from the table of options.
options: $(READY)
	$(BIN)/python docs/options.py

# Writes docs/reference.md from the declarations of losses.
losses: $(READY)
	$(BIN)/python docs/reference.py

# Builds the site in runs/site and runs the code of its pages; a warning is an error.
docs: $(READY)
	$(MAKE) --jobs=2 site-en site-zh
	$(BIN)/python docs/built.py runs/site

SITE_en := docs runs/site
SITE_zh := -D language=zh_CN docs/zh runs/site/zh

# Builds the pages of one language.
site-%: $(READY)
	PYDEVD_DISABLE_FILE_VALIDATION=1 $(BIN)/sphinx-build -q -W --keep-going -j auto -c docs \
		-d runs/doctrees/$* -D nb_execution_cache_path=$(CURDIR)/runs/notebooks/$* $(SITE_$*)

# The README's picture, taken by Chromium.
picture: demo
	$(BIN)/python docs/picture.py runs/demo/report.html

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		-c constraints.txt -e ".[dev]"
	-$(BIN)/python -m compileall -qq -j 0 -x '/tests/' .venv/lib  # pip uses one core
	touch $(READY)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis runs
	find src tests -name __pycache__ -prune -exec rm -rf {} +
