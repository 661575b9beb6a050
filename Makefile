# Every target works first on a fresh clone: what it needs, it makes.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
TWINE_VERSION := 7.0.0

export DAGSTER_HOME := $(CURDIR)/var/dagster
export PREFECT_HOME := $(CURDIR)/var/prefect
export MPLCONFIGDIR := $(CURDIR)/var/matplotlib
export DO_NOT_TRACK := 1
# The checkout's own processes find their bytecode compiled from the second start on.
unexport PYTHONDONTWRITEBYTECODE

DEMO_DAYS := 2016-03-01...2016-03-31

.PHONY: install demo demo-iris demo-taxi dev test nightly oldest layouts check bench guard bench-rows bench-reading conformance integrations kills docs screenshots wheels matrix release lock clean mutants
.DEFAULT_GOAL := demo

# The pinned environment, in .venv: by uv, which is three times as fast as pip, or else by pip.
install: .venv/installed $(DAGSTER_HOME)/dagster.yaml

.venv/installed: requirements.lock pyproject.toml prefect_compat/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed; name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	awk '/^uv==/ {uv = 1} uv {print} uv && !/\\$$/ {exit}' requirements.lock > .venv/uv.lock
	{ $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r .venv/uv.lock \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes \
	    --compile-bytecode -r requirements.lock; } \
	  || $(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e prefect_compat -e .
	$(BIN)/python -m compileall -q ticket_assets prefect_compat
	touch $@

$(DAGSTER_HOME)/dagster.yaml: deployment/dagster.yaml
	mkdir -p $(@D)
	cp $< $@

.PHONY: help watch

# The targets, each with the comment line above it.
help:
	@awk '/^# /{line=substr($$0, 3); next} \
	  /^[a-z][a-z-]*:/{sub(/:.*/, ""); printf "make %-12s %s\n", $$0, line} {line=""}' Makefile

# A month under Dagster and under Prefect, each with its own home and store.
demo: install
	@mkdir -p var
	@$(BIN)/prefect-compat compare -m ticket_assets.definitions -j ticket_model_evaluation \
	  --partition $(DEMO_DAYS) --keep var/demo --html var/demo.html > var/demo.txt; status=$$?; \
	  test $$status -le 1 || exit $$status; \
	  $(BIN)/python -m ticket_assets.figures --store var/demo/dagster/store --days $(DEMO_DAYS) \
	  && TICKET_STORE=var/demo/dagster/store $(BIN)/dagster job execute -m ticket_assets.definitions \
	    -j ticket_performance_report > var/demo-report.txt 2>&1 \
	  && TICKET_STORE=var/demo/prefect/store $(BIN)/prefect-compat run -q \
	    -m ticket_assets.definitions -j ticket_performance_report >> var/demo-report.txt 2>&1 \
	  && cmp var/demo/dagster/store/evaluation_report.html var/demo/prefect/store/evaluation_report.html \
	  && echo && cat var/demo.txt && echo "The same as a page: var/demo.html" \
	  && echo "The evaluation, the same under both: var/demo/dagster/store/evaluation_report.html" \
	  && exit $$status

IRIS := -m examples.iris_assets.definitions -j flowers

# Iris under both orchestrators: two jobs, and the first feeds the second.
demo-iris: install
	@mkdir -p var/iris
	@$(BIN)/prefect-compat lineage $(IRIS) --format svg -o var/iris/lineage.svg
	@$(BIN)/prefect-compat compare $(IRIS) --store-env IRIS_STORE --keep var/iris/compared \
	  --html var/iris/comparison.html
	@cat var/iris/compared/prefect/store/*/accuracy.json
	@echo && echo "The graph and the comparison: var/iris/lineage.svg, var/iris/comparison.html"

TAXI := -m examples.taxi_assets.definitions -j taxi

# Taxi trips under both orchestrators: a Dask dataframe, a mapped graph, hourly partitions.
demo-taxi: install
	@mkdir -p var/taxi
	@$(BIN)/prefect-compat lineage $(TAXI) --format svg -o var/taxi/lineage.svg
	@$(BIN)/prefect-compat compare $(TAXI) --store-env TAXI_STORE --keep var/taxi/compared \
	  --html var/taxi/comparison.html
	@echo "The graph and the comparison: var/taxi/lineage.svg, var/taxi/comparison.html"

# Both UIs, with everything deployed, until Ctrl-C.
dev: install
	$(BIN)/python -m deployment.dev

# The tests, on all cores.
test: install
	$(BIN)/python -m pytest -q -n auto --dist loadgroup

# The tests that `make test` leaves out because they take long.
nightly: install
	$(BIN)/python -m pytest -q -m nightly -n auto --dist loadgroup

# The library's wheel alone on the oldest versions: a few of its tests.
oldest: install
	$(BIN)/python -m tests.matrix --smoke

# The command line on small projects, each laid out in another way; fetches dbt and DuckDB.
layouts: install
	$(BIN)/python -m tests.layouts $(LAYOUTS)

TEST ?= tests/prefect_compat/graph

# The tests of one package, after each change: make watch TEST=tests/prefect_compat/lineage
watch: install
	@$(BIN)/python -m tools.watch $(TEST)

# ruff and mypy, the same as the commit hooks.
check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What each way of running costs, as ratios, and one table of goals.
bench: install
	$(BIN)/python -m benchmarks.reading_the_log
	$(BIN)/python -m benchmarks.the_year
	$(BIN)/python -m benchmarks.the_year --without-models
	$(BIN)/python -m benchmarks.the_flow
	$(BIN)/python -m benchmarks.starting_up
	$(BIN)/python -m benchmarks.a_large_log
	$(BIN)/python -m benchmarks.two_large_stores
	$(BIN)/python -m benchmarks.many_partitions
	$(BIN)/python -m benchmarks.digests
	$(BIN)/python -m benchmarks.goals

# Quick ratios beside the committed ones: has something become slow?
guard: install
	$(BIN)/python -m benchmarks.guard

# The difference of two tables by key, beside datacompy; fetches it.
bench-rows: install
	$(BIN)/python -m benchmarks.the_rows

# The reading of the log, and of one 50 times as large, beside polars and duckdb; fetches them.
bench-reading: install
	$(BIN)/python -m benchmarks.reading_the_log --rivals --times 50

# Dagster's own tests with our `materialize`; fetches Dagster's sources.
conformance: install
	$(BIN)/python -m tests.conformance

# The tests of Dagster's libraries for pandas, DuckDB and dbt, in the same way; fetches all.
integrations: install
	$(BIN)/python -m tests.conformance --integrations $(INTEGRATIONS)

MUTANTS ?=

# Small faults planted in the code of comparison and lineage: do the unit tests notice?
# MUTANTS="verdict costs" for some of the groups.
mutants: install
	$(BIN)/python -m tools.mutants $(MUTANTS)

KILLS ?= 200

# 200 kills at random moments, and a table of what they leave; KILLS=40 for fewer.
kills: install
	$(BIN)/python -m tests.kills --kills $(KILLS)

# The site in var/site; a link that leads nowhere fails it.
docs: install
	$(BIN)/zensical build --strict
	$(BIN)/python -m tools.site var/site

# The site's pictures, by chromium.
screenshots: install
	$(BIN)/python -m tools.screenshots

# Both distributions: the library alone, and the evaluation, which depends on it.
wheels: install
	rm -rf var/dist
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir var/dist \
	  ./prefect_compat .
	@ls var/dist

MATRIX ?=

# The tests of the library on each pair of versions, as docs/versions.md shows them.
matrix: install
	$(BIN)/python -m tests.matrix --write $(MATRIX)

# Both wheels, after a check that versions and CHANGELOG agree; uploads nothing.
release: wheels
	$(BIN)/python -m tools.release
	$(PYTHON) -m venv var/twine-venv
	var/twine-venv/bin/python -m pip install --quiet twine==$(TWINE_VERSION)
	var/twine-venv/bin/twine check --strict var/dist/*

# requirements.lock anew, with hashes.
lock: install
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras \
	  --generate-hashes --no-strip-extras --no-emit-index-url --no-header --upgrade \
	  --no-emit-package prefect-compat pyproject.toml prefect_compat/pyproject.toml \
	  -o requirements.lock

# Removes var/, .venv/ and the tools' caches.
clean:
	rm -rf var .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
