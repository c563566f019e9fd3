# Every target installs what it needs and skips what is there (`boards` needs Rust alone). Debian packages are installed
# with sudo unless you are root. `make` alone lists the targets.

SHELL := /bin/bash
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
NEED := libpcsclite-dev pkg-config gcc libc6-dev pcscd vsmartcard-vpcd util-linux iproute2 \
	$(if $(filter 1,$(PROMETHEUS)),prometheus)
NEED_TEST := $(NEED) e2fsprogs mount git mosquitto mosquitto-clients postgresql prometheus zbar-tools openssl procps tshark \
	chromium chromium-driver fonts-wqy-zenhei poppler-utils poppler-data qpdf
NEED_POWER := $(NEED) e2fsprogs mount util-linux
CUTS := 40
KILLS := 200
SEED := 1
PEERS := tests/peers

.DEFAULT_GOAL := help
.PHONY: help lab test check shots bench powercut kills storm day peers boards need-%

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: need-lab ## build the product and open a working shop on this machine (PROMETHEUS=1 watches it; Ctrl-C ends it)
	cargo build --workspace --bins
	target/debug/lab $(if $(filter 1,$(PROMETHEUS)),--prometheus) $(ARGS)

boards: ## make the Grafana boards anew from dashboards/boards
	cargo run --quiet -p store-sim --bin boards

test: need-test peers ## run every test, on real parts
	cargo build --workspace --all-targets
	cargo nextest run --workspace --no-fail-fast
	cargo test --workspace --doc --quiet

check: need-check test ## what must pass before a commit: format, lints, dependency rules, tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo deny --workspace check bans licenses sources

shots: need-test ## pictures of every page, in target/shots
	cargo build --workspace --bins
	mkdir -p target/shots
	SHOTS=$(CURDIR)/target/shots cargo nextest run --workspace -E 'test(every_page_fits)'

bench: need-test peers ## measure beside peers, as ratios
	rm -f target/bench.json
	cargo bench --bench journal --bench restart --bench parts --bench uplink --bench office --bench shop
	cargo bench --bench table

powercut: need-power ## cut the power of the journal's disk under load, CUTS times, and spoil it (needs root)
	cargo build --workspace --bins
	$(SUDO) target/debug/lab --payments $$(( $(CUTS) * 50 )) --counters 32 --cuts $(CUTS) --spoils 5 \
		--no-readers $(ARGS)

storm: need-lab ## replay the storm of one SEED and tell its story
	cargo build --workspace --bins
	target/debug/storm --seed $(SEED) $(ARGS)

day: need-lab ## a day without the network, simulated: 24 hours, a hundred counters, about three minutes
	cargo build --release -p store-sim --bin storm
	target/release/storm --offline-hours 24 --counters 100

kills: need-lab ## kill -9 under load: the controller KILLS times, and at every crash point
	cargo build --workspace --bins
	target/debug/lab --payments $$(( $(KILLS) * 30 )) --counters 16 --kills $(KILLS) --kill-at all \
		--no-readers $(ARGS)

peers: need-peers ## programs nobody here wrote, to judge the wire formats and the sandboxes
	@for peer in $(PEERS)/*/package.json; do \
		test -d $$(dirname $$peer)/node_modules || npm ci --prefix $$(dirname $$peer) --no-audit --no-fund || exit; \
	done
	@cmp -s $(PEERS)/requirements.txt $(PEERS)/.venv/installed.txt || { python3 -m venv $(PEERS)/.venv \
		&& $(PEERS)/.venv/bin/pip install -q -r $(PEERS)/requirements.txt \
		&& cp $(PEERS)/requirements.txt $(PEERS)/.venv/installed.txt; }

need-lab: ; $(call install,$(NEED))

need-power: ; $(call install,$(NEED_POWER))

need-peers:
	@command -v npm >/dev/null || { $(call apt,nodejs npm) }
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { $(call apt,python3-venv) }

need-test: need-peers ; $(call install,$(NEED_TEST))
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked

need-check: need-test
	@cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked

apt = $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	apt-get install -yq --no-install-recommends $(1);

define install
@missing=$$(for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null \
	| grep -q 'install ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then $(call apt,$$missing) fi
endef
