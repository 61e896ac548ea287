# Everything happens in .venv. What this needs: Python 3.11 or newer, pip or uv, make (without it: python tools/install.py).
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
PINS := settings.ini setup.py constraints.txt

# OpenMP's threads wait asleep, unless the user says how; PyTorch reads it when it is loaded.
ifeq ($(OMP_WAIT_POLICY)$(GOMP_SPINCOUNT)$(KMP_BLOCKTIME),)
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install anywhere bench compiled equal-time tuning app paint colours video one-painting brain browser figures demo paint-page test test-slow latents network coupling solvers memory card peers trainer monet transfer lab mutants export outputs docs site-check dist start counts before-after own-folders users radar radar-sweeps radar-table clean

help: ## Show this help
	@echo 'make <target>, where <target> is one of:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

demo: .venv/.demo ## Train on sample pictures and transfer unseen ones: about three minutes
	$(BIN)/stylecfm_demo

install: .venv/.app ## Install the package, its page and the demonstration into .venv

app: .venv/.app ## Open the page on which pictures are painted
	$(BIN)/stylecfm_app --open_browser

test: .venv/.dev ## Check the notebooks, the package and the commands; PART=flow/solvers: those alone
	$(BIN)/python tools/check.py $(PART) $(SITE) $(addprefix --jobs ,$(JOBS))

test-slow: .venv/.dev ## The same, with the cells that take minutes
	$(BIN)/python tools/check.py --slow

latents: .venv/.dev ## Measure how fast latents are cached and read, into nbs/results/latents.json
	$(BIN)/python tools/run_notebooks.py studies/cache --slow

solvers: .venv/.dev ## Measure what solvers and guidance cost on a trained network (a quarter of an hour)
	$(BIN)/python tools/run_notebooks.py studies/solvers --slow

before-after: .venv/.dev ## Ask every row of the table with which this began (half an hour; resumes where it was)
	$(BIN)/python tools/run_notebooks.py studies/before_after --slow

own-folders: .venv/.dev ## The tutorial's commands on photographs and Monets, if STYLECFM_SHARED has them (a quarter of an hour)
	$(BIN)/python tools/run_notebooks.py tutorials/01_own_folders --slow

brain: .venv/.dev ## Find lesions in phantoms, in a template's brain and in real slices; what attention costs (STYLECFM_SHARED)
	$(BIN)/python tools/run_notebooks.py brain --slow
	@$(BIN)/stylecfm_brain

anywhere: .venv/.dev ## Run the checks with other threads, kernels and busy neighbours, into nbs/results/anywhere.json (an hour; resumes where it was)
	$(BIN)/python tools/anywhere.py && $(BIN)/python tools/neighbour.py && $(BIN)/python tools/neighbour.py --transfer

users: .venv/.dev ## Digits by 31 writers, letters by people: IsoNext and a U-Net (letters need STYLECFM_SHARED)
	$(BIN)/python tools/run_notebooks.py users --slow
	@$(BIN)/stylecfm_users

radar: .venv/.dev ## Make lidar clouds of radar clouds on synthetic streets, and measure them (a few minutes)
	$(BIN)/stylecfm_radar

radar-sweeps: .venv/.dev ## A simulated radar on real lidar sweeps, three seeds, beside baselines (ten minutes; needs STYLECFM_SHARED)
	$(BIN)/python tools/run_notebooks.py radar_sweeps --slow

radar-table: .venv/.dev ## The same by flow and EDM, three seeds, with the document's claims (half an hour)
	$(BIN)/python tools/notebooks.py nbs/11_apps/10_radar.ipynb --slow --store

browser: .venv/.dev ## Try the page in Chromium; without it an error, but for MAY_SKIP=--may-skip
	$(BIN)/python tools/chromium.py $(MAY_SKIP)
	@if command -v npm >/dev/null; then npm install --silent --no-save --prefix build axe-core@4.11; else echo 'no npm, so no axe-core: accessibility is not checked'; fi
	$(BIN)/python tools/run_notebooks.py 12_app/01_page --slow

figures: .venv/.dev ## Paint README's first picture with the pretrained model, if STYLECFM_SHARED has the photographs
	$(BIN)/python tools/painter.py

paint: .venv/.dev ## Measure ways to paint on held-out images, if STYLECFM_SHARED has them (an hour; resumes where it was)
	mkdir -p build && git archive b969601 checkpoints/monet256 | tar -x -C build
	$(BIN)/python tools/paint_table.py --count 80 --draws 100 --previous build/checkpoints/monet256 --sheet
	$(BIN)/python tools/run_notebooks.py paintings

colours: .venv/.dev ## Measure how far paintings keep the photographs' colours, if STYLECFM_SHARED has them (some minutes)
	$(BIN)/python tools/colours.py --steps 6

video: .venv/.dev ## Measure how steady a painted video is (some minutes)
	$(BIN)/python tools/video.py --steps 4

one-painting: .venv/.dev ## Learn a style from one large painting and measure it, if STYLECFM_SHARED has one (some minutes)
	$(BIN)/python tools/one_painting.py

transfer: .venv/.dev ## Compare modes, solvers and baselines on held-out photographs, after make monet (a quarter of an hour)
	$(BIN)/python tools/run_notebooks.py studies/modes --slow

trainer: .venv/.dev ## Kill a run again and again, share it between processes, time it (half an hour)
	$(BIN)/python tools/run_notebooks.py studies/killed --slow

monet: .venv/.dev ## Train on photographs and Monets for half an hour, if STYLECFM_SHARED has them
	$(BIN)/python tools/run_notebooks.py studies/monet --slow

card: .venv/.dev ## Measure memory, time and budgets on a GPU, if there is one (some minutes)
	$(BIN)/python tools/run_notebooks.py studies/card --slow

memory: .venv/.dev ## Measure what memory costs: profiles, plans, claims (half an hour)
	$(BIN)/python tools/run_notebooks.py studies/memory --slow

coupling: .venv/.dev ## Measure what pairing and epsilon are worth (an hour)
	$(BIN)/python tools/run_notebooks.py studies/coupling --slow

peers: .venv/.dev ## Run the test cases of diffusers, torchcfm, torchdiffeq and torchode, into nbs/results/peers_*.json (some minutes)
	$(BIN)/python tools/peers.py
	$(BIN)/python tools/peers_flows.py
	$(BIN)/python tools/peers_flows.py --speed

network: .venv/.dev ## Measure the network: speed, memory, and what its parts are worth (an hour)
	$(BIN)/python tools/run_notebooks.py studies/network --slow

mutants: .venv/.dev ## Plant faults and see whether the checks find them, into nbs/results/mutants.json (half an hour; resumes where it was)
	$(BIN)/python tools/mutants.py

lab: .venv/.lab ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab nbs

export: .venv/.dev ## Write the package and the README from the notebooks, formatted
	$(BIN)/ruff check -q --select I --fix nbs tools integrations docs setup.py && $(BIN)/ruff format -q nbs tools integrations docs setup.py
	$(BIN)/nbdev_clean && $(BIN)/nbdev_export && $(BIN)/python tools/readme.py

docs: .venv/.docs ## Make the site from the notebooks and their stored outputs, into build/html, and the page that paints in a browser
	$(BIN)/python tools/docs.py
	$(BIN)/python tools/paint_page.py --may-skip

paint-page: .venv/.dev ## Build the page that paints in a browser, try it in Chromium and measure it (needs npm; some minutes)
	$(BIN)/python tools/paint_page.py
	$(BIN)/python tools/paint_browser.py $(MAY_SKIP)

site-check: .venv/.dev docs ## Open every page of the site in Chromium; without it an error, but for MAY_SKIP=--may-skip
	$(BIN)/python tools/site_check.py $(MAY_SKIP)

dist: .venv/.dev ## Build sdist and wheel, and try the wheel with fastcore 1 and 2
	$(BIN)/python tools/dist.py

bench: .venv/.dev ## Measure speed beside other libraries' networks, into nbs/results/bench.json (within a minute; LONG=--long)
	$(BIN)/python tools/bench.py $(LONG)

equal-time: .venv/.dev ## Compare the losses of IsoNext and diffusers' U-Net after the same time, into nbs/results/equal_time.json (a quarter of an hour; needs STYLECFM_SHARED)
	$(BIN)/python tools/equal_time.py

tuning: .venv/.dev ## Compare the automatic choice of type, layout and threads with every other, into nbs/results/tuning.json
	$(BIN)/python tools/tuning.py

compiled: .venv/.dev ## Compare a compiled network with the eager one, and its memory with the forecast, into nbs/results/compiled.json
	$(BIN)/python tools/compiled.py

start: .venv/.dev ## Measure how long imports, --help and errors take, into nbs/results/start.json (a quiet machine, or FORCE=--force)
	$(BIN)/python tools/start.py $(FORCE)

counts: .venv/.dev ## Count public names, options, lines and imports, into nbs/results/counts.json
	$(BIN)/python tools/counts.py

outputs: .venv/.dev ## Run every notebook and store its outputs and pictures
	$(BIN)/python tools/run_notebooks.py && $(MAKE) export

clean: ## Remove .venv
	rm -rf .venv

# One stamp for each set of packages; it is as new as the last install. Nothing that is installed is replaced (tools/install.py).
.venv/.app .venv/.demo .venv/.dev .venv/.docs .venv/.lab: .venv/.%: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo 'stylecfm needs Python 3.11 or newer, and "$(PYTHON)" is not; name one: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 2; }
	@$(PYTHON) tools/install.py $*
	@touch $@
