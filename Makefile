# SPDX-License-Identifier: Apache-2.0
# virtiofs-qual. `make help` lists the targets; everything made lands in build/ and results/runs/.

SHELL := /bin/bash
ifeq ($(origin CC),default)
CC := gcc
endif
PLAN ?= quick
BUILD ?= build
ARGS ?=

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef \
	-Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings -Wold-style-definition -Werror
HARDEN := -fno-common -fstack-protector-strong
OPT ?= -O2 -g -D_FORTIFY_SOURCE=2
CPPFLAGS += -D_GNU_SOURCE -Ibench -I.
CFLAGS := -std=gnu11 $(WARN) $(HARDEN) $(OPT) $(SAN)
LDFLAGS := $(SAN)
LDLIBS := -ljansson -lconfuse -lpcp_import -lpcp -lm

BENCH_MAIN := bench/main.c $(wildcard bench/cmd_*.c)
BENCH_SRC := $(sort $(foreach d,base stats opt stack guest workload metric record relay run report,$(wildcard bench/$(d)/*.c))) \
	$(patsubst %,conformance/guest/%.c,act line)
INIT_SRC := $(sort $(wildcard guest-image/init/*.c))
AGENT_SRC := $(sort $(wildcard guest-image/agent/agent*.c))
TOOL_SRC := $(sort $(wildcard guest-image/agent/guest*.c))
WL_SRC := $(sort $(wildcard workloads/src/wl-*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB := $(BUILD)/libvq.a
# The requirement catalogue: data that checks and reports name.
SPEC_LIB := $(BUILD)/libspec.a
TEST_LIB := $(call obj,$(wildcard bench/test/real_guest.c bench/test/report_*.c) $(patsubst %,bench/test/%.c,broken_home cell_check \
	conduct fake_ends fake_guest inside local_agent pcp_tool problems raw_frame recorded robust_rig scratch \
	self_dax self_figures stored))
GUEST_PROGRAMS := $(BUILD)/guest/vq-init $(BUILD)/guest/vq-agent $(BUILD)/guest/vq-guest $(BUILD)/guest/vq-check \
	$(patsubst workloads/src/%.c,$(BUILD)/guest/%,$(WL_SRC))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: help spec-check findings soak-fuzz soak-kill soak-mutants soak-shuffle fuzz-decoders fuzz-flavour check-real compile-flavour check-flavour all bench bench-self setup setup-test image check \
	check-asan check-clang test lint \
	lint-includes format format-check clean

help: ## this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# ---- for users ----

bench: ## set up, run PLAN (default quick), write its report; ARGS= goes to `run`
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory -j$$(nproc) image
	@$(BUILD)/virtiofs-qual run --plan $(PLAN) $(ARGS)

setup: ## install host packages (needs root) and build the stack roots; says first what it does
	@host-setup/apply --for bench

image: all ## build the guest image and its kernels
	@guest-image/build

test: ## everything that must pass before a commit lands: check, sanitizers, clang, real guests
	@$(MAKE) --no-print-directory setup-test
	@$(MAKE) --no-print-directory -j$$(nproc) image
	@bench/test/run-all "check" $(MAKE) --no-print-directory -j$$(nproc) check -- \
		"gcc sanitizers" $(MAKE) --no-print-directory check-asan -- \
		"clang, warnings" $(MAKE) --no-print-directory check-clang -- \
		"real guests" $(MAKE) --no-print-directory check-real

bench-self: ## measure this project's own figures (at most 10 minutes)
	@$(MAKE) --no-print-directory -j$$(nproc) image $(BUILD)/test/self $(BUILD)/conformance/load
	@rm -f $(BUILD)/bench-self.json $(BUILD)/bench-load.json
	@$(BUILD)/test/self; self=$$?; $(BUILD)/conformance/load; load=$$?; $(BUILD)/test/self merge; \
		merge=$$?; exit $$((self ? self : load ? load : merge))

# The compiler comes with setup, so that one command works on a fresh machine.
all: $(BUILD)/virtiofs-qual $(BUILD)/virtiofs-refdev $(BUILD)/virtiofs-conform $(BUILD)/libvqfaults.so $(GUEST_PROGRAMS) ## compile

$(BUILD)/virtiofs-qual: $(call obj,$(BENCH_MAIN)) $(LIB) $(SPEC_LIB)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(call obj,$(BENCH_SRC))
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Guest programs stand alone and are static.
GUEST_CC = $(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) $(HARDEN) -O2 -static -MMD -MP -MF $(BUILD)/guest/.deps/$(@F).d

$(BUILD)/guest/vq-init: $(INIT_SRC)
$(BUILD)/guest/vq-agent: $(AGENT_SRC)
$(BUILD)/guest/vq-guest: $(TOOL_SRC)
$(BUILD)/guest/vq-%:
	@mkdir -p $(@D)/.deps
	@echo "  GUEST $@"
	@$(GUEST_CC) -Iguest-image/agent -o $@ $(filter %.c,$^)

# The guest suite; what it shares with who drives it (words, actions) is in the library as well.
CHECK_SRC := $(sort $(wildcard conformance/guest/*.c))
$(BUILD)/guest/vq-check: $(CHECK_SRC)
	@mkdir -p $(@D)/.deps
	@echo "  GUEST $@"
	@$(GUEST_CC) -I. -o $@ $(filter %.c,$^)

$(BUILD)/guest/wl-%: workloads/src/wl-%.c workloads/wl.h
	@mkdir -p $(@D)/.deps
	@echo "  GUEST $@"
	@$(GUEST_CC) -o $@ $<

$(BUILD)/test/%: $(BUILD)/obj/bench/test/%.o $(TEST_LIB) $(LIB) $(SPEC_LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lcmocka

# Files of one test that is too large for one.
$(BUILD)/test/real_dax: $(call obj,$(wildcard bench/test/dax_*.c))

# The reference device and the front end that checks devices share wire constants and bench/base, never logic.
REF_SRC := $(sort $(wildcard conformance/ref/*.c conformance/ref/*/*.c))
FRONT_SRC := $(sort $(wildcard conformance/front/*.c conformance/front/*/*.c))
REF_LIB := $(BUILD)/libref.a
FRONT_LIB := $(BUILD)/libfront.a
REF_LIBS := -lfuse3 -lseccomp

$(REF_LIB): $(call obj,$(filter-out conformance/ref/main.c,$(REF_SRC)))
	@rm -f $@
	@$(AR) rcs $@ $^

$(FRONT_LIB): $(call obj,$(FRONT_SRC))
	@rm -f $@
	@$(AR) rcs $@ $^

$(SPEC_LIB): $(call obj,$(sort $(wildcard conformance/spec/*.c)))
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/virtiofs-refdev: $(BUILD)/obj/conformance/ref/main.o $(REF_LIB) $(LIB) $(SPEC_LIB)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS) $(REF_LIBS)

# The suites of checks: everything but the program's main file, for its tests.
CONFORM_SRC := $(sort $(foreach d,device runner program fuzz,$(wildcard conformance/$(d)/*.c)))
CONFORM_LIB := $(BUILD)/libconform.a

$(CONFORM_LIB): $(call obj,$(filter-out conformance/runner/main.c,$(CONFORM_SRC)))
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/virtiofs-conform: $(BUILD)/obj/conformance/runner/main.o $(CONFORM_LIB) $(FRONT_LIB) $(LIB) $(SPEC_LIB)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS)

$(BUILD)/conformance/test_conform_%: $(BUILD)/obj/conformance/test/test_conform_%.o $(CONFORM_LIB) $(FRONT_LIB) $(LIB) $(SPEC_LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS) -lcmocka

# Also asks which faults the checks of the device suite name.
$(BUILD)/conformance/device_fault: $(BUILD)/obj/conformance/test/device_fault.o $(CONFORM_LIB) $(FRONT_LIB) $(LIB) $(SPEC_LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS) -lcmocka

# The library of system-call faults is loaded into daemons of other suites, and into its own test's program.
# Neither knows sanitizers, nor what a fortified libc does behind the names that it hooks.
FAULTS_CC = $(CC) $(CPPFLAGS) -std=gnu11 $(WARN) $(HARDEN) -O2 -g -U_FORTIFY_SOURCE -MMD -MP

$(BUILD)/libvqfaults.so: $(patsubst %.c,$(BUILD)/faults/%.o,$(wildcard conformance/faults/*.c))
	@echo "  LINK  $@"
	@$(CC) -shared -o $@ $^ -ldl

$(BUILD)/faults/probe: $(patsubst %.c,$(BUILD)/faults/%.o,$(wildcard conformance/faults/probe/*.c))
	@echo "  LINK  $@"
	@$(CC) -pthread -o $@ $^

$(BUILD)/faults/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(FAULTS_CC) -fPIC -fvisibility=hidden -c -o $@ $<

# Tests of the device link the device; all others of conformance link the front end.
$(BUILD)/conformance/test_ref_%: $(BUILD)/obj/conformance/test/test_ref_%.o $(REF_LIB) $(LIB) $(SPEC_LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS) $(REF_LIBS) -lcmocka

$(BUILD)/conformance/%: $(BUILD)/obj/conformance/test/%.o $(FRONT_LIB) $(LIB) $(SPEC_LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -pthread -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS) -lcmocka

$(BUILD)/conformance/load $(BUILD)/conformance/test_load_report: $(call obj,conformance/test/load_report.c conformance/test/load_ping.c)

# Decoders of bytes that somebody else wrote, one program each. With this main file it runs the committed corpus.
FUZZ_MAIN ?= corpus
FUZZ_TARGETS := $(filter-out corpus libfuzzer,$(patsubst conformance/decoders/%.c,%,$(wildcard conformance/decoders/*.c)))
FUZZ_TESTS := $(addprefix $(BUILD)/fuzz/,$(FUZZ_TARGETS))
FUZZ_OBJ := $(BUILD)/obj/conformance/decoders/$(FUZZ_MAIN).o

$(BUILD)/fuzz/ref_%: $(BUILD)/obj/conformance/decoders/ref_%.o $(FUZZ_OBJ) $(REF_LIB) $(LIB) $(SPEC_LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) $(FUZZ_LINK) -pthread -o $@ $^ $(LDLIBS) $(REF_LIBS)

$(BUILD)/fuzz/%: $(BUILD)/obj/conformance/decoders/%.o $(FUZZ_OBJ) $(CONFORM_LIB) $(FRONT_LIB) $(LIB) $(SPEC_LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) $(FUZZ_LINK) -pthread -o $@ $^ $(LDLIBS)

# ---- for developers ----

setup-test:
	@host-setup/apply --for test

TESTS := $(patsubst bench/test/%.c,$(BUILD)/test/%,$(wildcard bench/test/test_*.c)) \
	$(patsubst conformance/test/%.c,$(BUILD)/conformance/%,$(wildcard conformance/test/test_*.c))
TESTS += $(FUZZ_TESTS)
# device_*: the front end against real daemons, without a guest.
DEVICE_TESTS := $(patsubst conformance/test/%.c,$(BUILD)/conformance/%,$(wildcard conformance/test/device_*.c))
REAL_TESTS := $(DEVICE_TESTS) \
	$(patsubst bench/test/%.c,$(BUILD)/test/%,$(filter-out %real_guest.c,$(wildcard bench/test/real_*.c)))

# They start the reference device of their own flavour as a process.
$(BUILD)/conformance/test_spec $(DEVICE_TESTS): | $(BUILD)/virtiofs-refdev
$(BUILD)/conformance/test_conform_peer: | $(BUILD)/virtiofs-conform
$(BUILD)/conformance/test_conform_record $(BUILD)/conformance/test_conform_fuzz: | $(BUILD)/virtiofs-conform $(BUILD)/virtiofs-refdev
$(BUILD)/conformance/test_conform_faults: | $(BUILD)/libvqfaults.so $(BUILD)/faults/probe

check: all $(TESTS) lint-includes spec-check ## unit, table and golden tests; no root, no guests
	@bench/test/run -j $$(nproc) $(TESTS) host-setup/test guest-image/test bench/test/schema conformance/test/junit

check-asan: ## the same with AddressSanitizer and UBSan, the reference device under its tests too
	@$(MAKE) --no-print-directory -j$$(nproc) BUILD=$(BUILD)/asan OPT='-O1 -g' \
		SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' check-flavour

check-clang: ## compile everything with clang; no warning is let through
	@$(MAKE) --no-print-directory -j$$(nproc) BUILD=$(BUILD)/clang CC=clang compile-flavour

compile-flavour: $(BUILD)/conformance/load $(BUILD)/virtiofs-qual $(BUILD)/virtiofs-refdev $(BUILD)/virtiofs-conform $(GUEST_PROGRAMS) $(TESTS) $(REAL_TESTS)

check-flavour: compile-flavour
	@VQ_AGENT=$(BUILD)/guest/vq-agent VQ_GUEST=$(BUILD)/guest/vq-guest VQ_CHECK=$(BUILD)/guest/vq-check bench/test/run -j $$(nproc) \
		$(DEVICE_TESTS) $(TESTS)

# The longest first; memory is measured on a machine that does nothing else.
LONG_TESTS := $(addprefix $(BUILD)/test/real_,run conduct conduct_broken) conformance/test/prove
QUIET_TESTS := $(BUILD)/test/real_memory

check-real: all $(REAL_TESTS) ## tests that boot guests (needs root; `make image` first)
	@bench/test/run -j $$(nproc) --apart $(LONG_TESTS) $(filter-out $(LONG_TESTS) $(QUIET_TESTS),$(REAL_TESTS)); \
		lanes=$$?; bench/test/run $(QUIET_TESTS) && exit $$lanes

spec-check: $(BUILD)/virtiofs-conform ## is every requirement, normative statement and client bug checked, or waived?
	@$< spec-check

# Of the daemons that others ship. RUN= takes the results of a run instead of checking them now.
SHIPPED := c-bookworm rust-trixie rust-sid
findings: $(BUILD)/virtiofs-conform ## check the shipped daemons and write conformance/FINDINGS.md (RUN=DIR: from that run)
	@if [ -n "$(RUN)" ]; then results="$(RUN)"; else results=$(BUILD)/findings; rm -rf $$results; \
		$< $(addprefix --stack=,$(SHIPPED)) --out $$results >$(BUILD)/findings.log; status=$$?; \
		case $$status in 0|1|3) ;; *) cat $(BUILD)/findings.log; exit $$status ;; esac; fi; \
	$< findings $$results >conformance/FINDINGS.md.part && mv conformance/FINDINGS.md.part conformance/FINDINGS.md

soak-kill: all $(BUILD)/test/soak_kill ## kill -9 the driver at 100 moments and resume; resumable; writes results/baselines/kill.md
	@$(BUILD)/test/soak_kill $(KILLS)

soak-mutants: all ## every fault against every check; resumable; writes results/baselines/mutants.md
	@conformance/test/soak-mutants

soak-shuffle: all ## RUNS= (200) shuffled runs of the device suite on STACK= (refdev); resumable; writes results/baselines/shuffle.md
	@RUNS=$(RUNS) STACK=$(STACK) conformance/test/soak-shuffle

fuzz-decoders: ## libFuzzer on our own decoders, FUZZ_TIME= seconds each (needs clang and its compiler-rt)
	@conformance/decoders/run $(FUZZ_TARGETS)

fuzz-flavour: $(FUZZ_TESTS)

soak-fuzz: $(BUILD)/virtiofs-conform ## hostile programs against the reference device with sanitizers; FUZZ_TIME= seconds (an hour)
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT='-O1 -g' SAN='-fsanitize=address,undefined -fno-sanitize-recover=all' \
		$(BUILD)/asan/virtiofs-refdev
	@conformance/test/soak-fuzz

SOURCES := $(shell find bench conformance guest-image workloads -name '*.[ch]' 2>/dev/null)
SCRIPTS := $(shell grep -rlE '^\#!/(usr/bin/env bash|bin/(ba)?sh)' host-setup guest-image bench/test conformance/test conformance/decoders .ci 2>/dev/null)

format: ## apply .clang-format
	@clang-format -i $(SOURCES)

format-check: ## is everything formatted?
	@clang-format --dry-run --Werror $(SOURCES)

lint-includes:
	@bench/test/lint-includes

lint: lint-includes ## clang-tidy, cppcheck, shellcheck, codespell, include rules
	@bench/test/lint

clean: ## remove what was compiled (keeps roots, image and results)
	rm -rf $(BUILD)/obj $(BUILD)/test $(BUILD)/conformance $(BUILD)/fuzz $(BUILD)/fuzzer $(BUILD)/faults $(BUILD)/guest $(BUILD)/asan $(BUILD)/clang $(BUILD)/lib*.a \
		$(BUILD)/virtiofs-qual $(BUILD)/virtiofs-refdev $(BUILD)/virtiofs-conform $(BUILD)/libvqfaults.so

-include $(shell find $(BUILD)/obj $(BUILD)/faults $(BUILD)/guest/.deps -name '*.d' 2>/dev/null)
