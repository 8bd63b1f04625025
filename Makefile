# One file of commands; `make` lists them. Needs only git, make and python3 with venv.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# Only what is locked, and nothing that would have to be built: a build fetches tools that no lock names.
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --require-virtualenv
LOCKED := --require-hashes --only-binary=:all:
SENTRY := src/rigfarm/commander/bundle/data/.built
VENDOR := src/rigfarm/commander/web/static/vendor

# Hundreds of Pythons start in the tests: compiled code is kept, whatever the environment says. Collecting the tests takes
# 8 s instead of 25.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long lint format bench faults soak mutants bundle dist deb lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/python:
	@echo "Creating $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

# Installed again only when what is locked changes.
$(STAMP): requirements/dev.txt requirements/node.txt pyproject.toml tools/frontend.py package-lock.json | $(VENV)/bin/python
	@echo "Installing Rigfarm and its locked dependencies into $(VENV) (about a minute, once) …"
	@$(PIP) $(LOCKED) -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(PY) tools/frontend.py
	@touch $(STAMP)

install: $(STAMP) $(SENTRY) ## create .venv with everything in it, and the front-end files

# Built again when the Sentry changes, so that rigs get the one that belongs to this Commander.
$(SENTRY): requirements/asic.txt $(shell find src/rigfarm/*.py src/rigfarm/wire src/rigfarm/sentry tools/bundle -type f -not -name '*.pyc') | $(STAMP)
	@$(PY) tools/bundle $(@D) --python
	@touch $@

demo: $(STAMP) $(SENTRY) ## a living farm on this machine: a Commander, this machine as a rig, simulated rigs and ASICs
	@$(PY) -m rigfarm.cli demo

test: $(STAMP) ## all quick tests
	@$(PY) tools/browser.py
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-long: $(STAMP) ## the tests that take long: journeys in browsers, a whole bundle and release, attacks and kills
	@$(PY) tools/browser.py
	@$(PY) -m pytest -m slow -n 3 --dist loadfile --no-loadscope-reorder

lint: $(STAMP) ## ruff, mypy --strict, the one-way imports, dead code, licences
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(PY) tools/dead_code.py
	@$(PY) tools/licences.py

format: $(STAMP) ## put the code into its form
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

bench: $(STAMP) ## measure the figures we publish (docs/performance.md); COMPARE=file prints those of an earlier run beside
	@$(PY) -m bench $(if $(COMPARE),--compare $(COMPARE))

faults: $(STAMP) ## every promise of docs/reliability.md at full length (hours)
	@$(PY) tools/faults.py

soak: $(STAMP) ## things happen at random to a real farm, for HOURS=24; what doesn't hold is said with its SEED
	@$(PY) tools/soak --hours $(or $(HOURS),24) $(if $(SEED),--seed $(SEED))

mutants: $(STAMP) ## break the modules that decide, place by place, and see whether tests notice (docs/mutants.md)
	@$(PY) tools/mutants.py

bundle: $(STAMP) ## one file that is a whole Sentry, for rigs without Python, in dist/; it is tried out before it counts
	@$(PY) tools/bundle dist
	@RIGFARM_BUNDLE_DIR=dist $(PY) -m pytest -q -m slow tests/bundle || { rm -f dist/rigfarm-sentry-*; echo "The bundle does not work, and was removed."; exit 1; }
	@echo "A Commander serves it once it lies in its folder of bundles: see docs/joining-a-rig.md"

dist: $(STAMP) ## a release in dist/: wheel, sources, locked packages, SBOM, checksums; it is installed and tried out before it counts
	@rm -f dist/rigfarm-*.whl dist/rigfarm-*.tar.gz dist/rigfarm-*.txt dist/rigfarm-*.cdx.json dist/rigfarm_*.deb dist/SHA256SUMS
	@$(PY) tools/browser.py
	@$(PY) tools/dist.py dist
	@RIGFARM_DIST_DIR=dist $(PY) -m pytest -q -m slow tests/test_a_release_installs.py || { rm -f dist/rigfarm-*.whl dist/rigfarm-*.tar.gz dist/rigfarm-*.txt dist/rigfarm-*.cdx.json dist/SHA256SUMS; echo "The release does not work, and was removed."; exit 1; }

deb: dist ## a Debian package of that release, for this kind of machine; it is installed and tried out before it counts
	@rm -f dist/rigfarm_*.deb
	@$(PY) tools/deb.py dist
	@RIGFARM_DIST_DIR=dist $(PY) -m pytest -q -m slow tests/service/test_the_debian_package.py || { rm -f dist/rigfarm_*.deb; echo "The package does not work, and was removed."; exit 1; }

lock: $(VENV)/bin/python ## lock the dependencies that pyproject.toml names, with hashes (tools/lock.py --upgrade: the newest)
	@$(PY) tools/lock.py

clean: ## remove what the other commands made
	rm -rf $(VENV) node_modules $(VENDOR) $(dir $(SENTRY)) build dist
