# The two commands are `make demo` and `make test`; each makes .venv if need be and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Processes that play tests beside each other.
WORKERS ?= 2
# One BLAS thread per process: two made compression up to 500 times slower.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help install demo test test-fast test-slow test-cluster test-chaos test-contract test-postgres test-gpu test-typescript test-console console console-pictures lint types imports check clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## make .venv and install the package with everything the tests need

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[cpu,dev,postgres]"
	@touch $(STAMP)

demo: $(STAMP)  ## play a year of two people's conversation into an agent, and look at it from all sides
	$(BIN)/qmem demo

test: $(STAMP)  ## every test but test-chaos: those without Ray and those that start their own in several processes, those that share a cluster, those that kill one
	$(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist worksteal tests/unit
	$(BIN)/python -m pytest -q tests/ray -m "not own_ray"
	$(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist worksteal tests/ray -m own_ray
	$(BIN)/python -m pytest -q tests/cluster -m "not chaos"

test-fast: $(STAMP)  ## the unit tests alone: no Ray, nothing slow
	$(BIN)/python -m pytest -q --numprocesses $(WORKERS) tests/unit -m "not slow"

test-slow: $(STAMP)  ## only the slow tests: real kills, large states
	$(BIN)/python -m pytest -q -m "slow and not cluster"

test-cluster: $(STAMP)  ## nodes, actors, the GCS and drivers are killed, on several Ray nodes of its own; five minutes
	$(BIN)/python -m pytest -q tests/cluster -m "not chaos"

test-chaos: $(STAMP)  ## replicas, actors and the vault are killed behind the door under the load of its clients; seven minutes
	$(BIN)/python -m pytest -q tests/cluster -m chaos
	$(BIN)/python benchmarks/chaos_door.py --seconds 240

CASES ?= 10000
test-contract: $(STAMP)  ## so many cases, 10,000 without CASES=, made from the OpenAPI document, and as many conversations of broken frames; six minutes
	QM_TEST_CASES=$(CASES) $(BIN)/python -m pytest -q -s tests/unit/test_rest_schema.py tests/unit/test_service_stream_fuzz.py

test-postgres: $(STAMP)  ## the tests of a vault in PostgreSQL, on a private server that is gone afterwards
	QM_TEST_POSTGRES=required $(BIN)/python -m pytest -q tests/unit -m postgres

test-typescript: $(STAMP)  ## the TypeScript client against the real server, its types against the application; needs npm and Node 20
	cd clients/typescript && npm ci --no-audit --no-fund && npm run typecheck && npm run check && npm run build && npm test

test-console:  ## the console's parts, and that what is committed is what its sources give; needs npm and Node 20
	cd clients/console && npm ci --no-audit --no-fund && npm run typecheck && npm test && npm run check

console:  ## build the console from clients/console into the package; needs npm and Node 20
	cd clients/console && npm ci --no-audit --no-fund && npm run typecheck && npm run build

console-pictures: $(STAMP)  ## take the pictures of docs/console.md in Chromium
	PYTHONPATH=. $(BIN)/python clients/console/scripts/pictures.py docs/pictures

# On a bare CUDA image: PYTHON needs numpy, scipy, cupy (and cuquantum-python), pytest, pytest-timeout and hypothesis; no .venv.
test-gpu:  ## the tests of the quantum engine on a GPU, by QM_TEST_BACKEND: cupy (the default) or cuquantum
	QM_TEST_BACKEND=$${QM_TEST_BACKEND:-cupy} PYTHONPATH=src $(PYTHON) -m pytest --noconftest \
		-p tests.unit.quantum_backends -q tests/unit/test_quantum_*.py

lint: $(STAMP)  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## strict types
	$(BIN)/mypy

imports: $(STAMP)  ## the rules about who may import whom
	$(BIN)/lint-imports

check: lint types imports  ## lint, types and imports

clean:  ## remove what was made here
	rm -rf $(VENV) build dist demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis src/*.egg-info clients/typescript/node_modules clients/typescript/dist clients/console/node_modules clients/console/.built
