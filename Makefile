# Cohort from a terminal. `make` alone lists what there is.
# Without make (Windows): the README has the same in plain commands.

PYTHON ?= python3
PORT ?=
FRESH ?=
EXTRAS ?=
ARGS ?=

BIN := .venv/bin
LOCK := requirements.lock
# Every version and every hash is the lock's, those of the build backend too.
# Compiled at once: uncompiled, the first start of the demo takes twice as long, and fastai's import thrice.
INSTALL := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
	--constraints $(LOCK) --build-constraints $(LOCK)
# What is installed, by extras. Each is added to what is there already and removes nothing.
BOT := .venv/installed-bot$(if $(EXTRAS),-$(EXTRAS))
SANDBOX := .venv/installed-sandbox
EVERYTHING := .venv/installed-everything

.PHONY: help demo run test chaos soak fuzz bench screenshots translations format lock audit licences sbom clean
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(SANDBOX) ## The bot in a simulated Discord, in the browser (PORT=8123 FRESH=1)
	@$(BIN)/cohort demo $(if $(PORT),--port $(PORT)) $(if $(filter-out 0 no,$(FRESH)),--fresh) $(ARGS)

run: $(BOT) ## The bot on Discord, with DISCORD_TOKEN in .env (EXTRAS=postgres,classify)
	@$(BIN)/cohort run $(ARGS)

test: $(EVERYTHING) ## The whole gate (ARGS='-k meetup' for pytest)
	@if grep -n '://' $(LOCK); then echo '$(LOCK) must not hold addresses; run: make lock'; exit 1; fi
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -n logical --maxprocesses 8 --dist worksteal $(ARGS)

chaos: $(EVERYTHING) ## The long form of the crash tests, about two hours (ARGS='--preset medium')
	$(BIN)/python -m tests.chaos.points
	$(BIN)/python -m tests.chaos $(ARGS)

soak: $(EVERYTHING) ## The long forms of rate, dropped connections, starts and memory (ARGS='--figure 3')
	$(BIN)/python -m tests.soak $(ARGS)

fuzz: $(EVERYTHING) ## The fuzz, much longer than in the gate (EXAMPLES=30 times as long)
	COHORT_FUZZ_EXAMPLES=$(or $(EXAMPLES),30) $(BIN)/pytest tests/fuzz -n0 $(ARGS)

bench: $(EVERYTHING) ## Measure latency, memory and throughput
	$(BIN)/python -m tests.benchmarks $(ARGS)

screenshots: $(EVERYTHING) ## Take the README's pictures anew
	$(BIN)/python -m bot.sandbox.screenshots $(ARGS)

translations: $(EVERYTHING) ## Bring the catalogues in bot/locales up to date with the source
	$(BIN)/python -m tests.locales

format: $(EVERYTHING) ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(BIN)/uv ## Write requirements.lock from pyproject.toml (ARGS=--upgrade for newer versions)
	env -u UV_FIND_LINKS -u UV_INDEX -u UV_EXTRA_INDEX_URL $(BIN)/uv pip compile pyproject.toml --quiet --no-config \
		--all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' -o $(LOCK) $(ARGS)

audit: $(EVERYTHING) ## Ask for known holes in what the lock pins (ARGS='--service osv')
	$(BIN)/python -m tests.deploy.audit $(ARGS)

licences: $(EVERYTHING) ## Write deploy/licences.md from what is installed
	$(BIN)/python -m tests.deploy.licences

sbom: $(EVERYTHING) ## Write the bill of materials, dist/cohort.cdx.json (ARGS=FILE for elsewhere)
	$(BIN)/python -m tests.deploy.sbom $(ARGS)

clean: ## Remove the environment and the caches; data stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find bot cogs migrations tests -name __pycache__ -prune -exec rm -rf {} +

# uv alone, at the lock's version and hashes. An environment without a pip of its own is made in no time;
# where the outer pip is missing or too old to install into it, the slower one with pip.
$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Cohort needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1)." \
		"Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv --without-pip .venv
	@awk '/^[a-z]/ { mine = /^uv==/ } mine' $(LOCK) > .venv/uv.txt
	@$(PYTHON) -m pip --python $(BIN)/python install $(PIP_OPTIONS) -r .venv/uv.txt 2>/dev/null \
		|| { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install $(PIP_OPTIONS) -r .venv/uv.txt; }

PIP_OPTIONS := --quiet --disable-pip-version-check --no-deps --require-hashes

.venv/installed-bot: pyproject.toml $(LOCK) | $(BIN)/uv
	$(INSTALL) -e .
	@touch $@

.venv/installed-bot-%: pyproject.toml $(LOCK) | $(BIN)/uv
	$(INSTALL) -e '.[$*]'
	@touch $@

$(SANDBOX): pyproject.toml $(LOCK) | $(BIN)/uv
	$(INSTALL) -e '.[sandbox,classify]'
	@touch $@

$(EVERYTHING): pyproject.toml $(LOCK) | $(BIN)/uv
	$(INSTALL) -r pyproject.toml --all-extras -e .
	@touch $@
