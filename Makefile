# The commands people type. Each brings what it needs by itself (tools/setup) and says so.

.DEFAULT_GOAL := help
.PHONY: help demo test build serve setup bench soak fuzz asan tsan format clean

FUZZ_SECONDS ?= 60
KILL_ROUNDS ?= 100
DUCKDB := $(if $(DUCKDB_DIR),-Dduckdb_dir=$(abspath $(DUCKDB_DIR)))
SANITIZE := -Db_lundef=false -Db_sanitize

help:
	@echo 'make demo     build, import a synthetic company and your own agent logs, print the report'
	@echo 'make test     every check'
	@echo 'make build    the program: build/bursar'
	@echo 'make serve    the server on 127.0.0.1:4318; its home is ./demo unless BURSAR_HOME names one'
	@echo 'make bench    measure against the bars of docs/performance.md'
	@echo 'make soak     kill the server KILL_ROUNDS=$(KILL_ROUNDS) times under load, and count'
	@echo 'make fuzz     every fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS) each'
	@echo 'make asan     unit tests and fuzz corpora with AddressSanitizer and UBSan: build-asan'
	@echo 'make tsan     unit tests with ThreadSanitizer: build-tsan'
	@echo 'make format   clang-format every C file'
	@echo 'make setup    only bring what building and testing need'
	@echo 'make clean    remove every build folder and ./demo'

demo: build
	@tools/demo

test: setup
	@/usr/bin/python3 tools/check.py

setup:
	@tools/setup build test

build: build/build.ninja
	@tools/setup build
	@ninja -C build bursar

serve: build
	@mkdir -p -m 700 "$${BURSAR_HOME:-demo}"
	@BURSAR_HOME="$${BURSAR_HOME:-demo}" build/bursar serve

bench: build
	@tools/setup build bench
	@ninja -C build bench/fill_ledger bench/send_spans bench/proxy_bare \
	    bench/fake_provider bench/send_calls
	@/usr/bin/python3 bench/bench.py

soak: build
	@KILL_ROUNDS=$(KILL_ROUNDS) BURSAR=$(CURDIR)/build/bursar /usr/bin/python3 -m pytest -q -rP \
	    -p no:cacheprovider test/e2e/test_killed.py test/e2e/test_gateway_crash.py \
	    test/e2e/test_gateway_races.py test/e2e/test_gateway_load.py

build/build.ninja:
	@tools/setup build
	meson setup build $(DUCKDB)

build-asan/build.ninja: | setup
	meson setup build-asan $(SANITIZE)=address,undefined $(DUCKDB)

build-tsan/build.ninja: | setup
	meson setup build-tsan $(SANITIZE)=thread $(DUCKDB)

build-fuzz/build.ninja:
	@tools/setup build fuzz
	CC=clang-14 CXX=clang++-14 meson setup build-fuzz -Dfuzz=true -Dwerror=false \
	    $(SANITIZE)=address,undefined $(DUCKDB)

asan: build-asan/build.ninja
	@ninja -C build-asan
	@meson test -C build-asan --no-rebuild --no-suite style --no-suite oracle --print-errorlogs

tsan: build-tsan/build.ninja
	@ninja -C build-tsan
	@TSAN_OPTIONS=suppressions=$(CURDIR)/tools/tsan.supp meson test -C build-tsan --no-rebuild --suite unit --print-errorlogs

fuzz: build-fuzz/build.ninja
	@ninja -C build-fuzz fuzzers
	@tools/fuzz build-fuzz $(FUZZ_SECONDS)

format: setup
	@find src test fuzz bench -name '*.[ch]' -o -name '*.cc' | xargs clang-format-14 -i

clean:
	rm -rf build build-asan build-tsan build-fuzz build-check build-bench demo
