# Every target is one line of scripts/tasks.py, which also works without make (on Windows, say).
# PYTHON only has to be able to make the environment; everything else runs inside .venv.
PYTHON ?= python3

.PHONY: help run test check test-slow lock clean

help:       ## list the targets
	@grep -E '^[a-z-]+: .*##' Makefile | sed 's/: *##/\t/' | expand -t 14

run:        ## set up and start the app; ARGS="--server.port 8600" is handed to streamlit
	@$(PYTHON) scripts/tasks.py run $(ARGS)

test:       ## set up what tests need, then all checks and the quick tests, browser included
	@$(PYTHON) scripts/tasks.py test

check:      ## the same checks and tests without any set-up
	@$(PYTHON) scripts/tasks.py check

test-slow:  ## the long studies
	@$(PYTHON) scripts/tasks.py test-slow

lock:       ## renew constraints.txt after a change of requirements*.txt
	@$(PYTHON) scripts/tasks.py lock

clean:      ## forget the environment
	rm -rf .venv .venv.lock .venv.unfinished
