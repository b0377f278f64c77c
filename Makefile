# SPDX-License-Identifier: Apache-2.0
# virtiofs-qual. `make help` lists the targets; everything made lands in build/ and results/runs/.

SHELL := /bin/bash
CC ?= gcc
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
LDLIBS := -ljansson -lconfuse -lm

BENCH_MAIN := bench/main.c $(wildcard bench/cmd_*.c)
BENCH_SRC := $(sort $(foreach d,base stats opt stack guest workload metric run report,$(wildcard bench/$(d)/*.c)))
TEST_SRC := $(sort $(wildcard bench/test/test_*.c))
INIT_SRC := $(sort $(wildcard guest-image/init/*.c))
AGENT_SRC := $(sort $(wildcard guest-image/agent/agent*.c))
TOOL_SRC := $(sort $(wildcard guest-image/agent/guest*.c))
WL_SRC := $(sort $(wildcard workloads/src/wl-*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB := $(BUILD)/libvq.a
TESTS := $(patsubst bench/test/%.c,$(BUILD)/test/%,$(TEST_SRC))
GUEST_PROGRAMS := $(BUILD)/guest/vq-init $(BUILD)/guest/vq-agent $(BUILD)/guest/vq-guest \
	$(patsubst workloads/src/%.c,$(BUILD)/guest/%,$(WL_SRC))

.DELETE_ON_ERROR:
.PHONY: help all bench setup setup-test image check check-asan test lint format format-check clean

help: ## this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

bench: setup image ## set up, run PLAN (default quick), write the report; ARGS= goes to `run`
	@status=0; $(BUILD)/virtiofs-qual run --plan $(PLAN) $(ARGS) || status=$$?; \
	$(BUILD)/virtiofs-qual report results/latest || exit $$?; exit $$status

setup: ## install host packages and stack roots (prints first; needs root for packages)
	@host-setup/apply --for bench

setup-test:
	@host-setup/apply --for test

image: all ## build the guest image and kernels
	@guest-image/build

# The compiler comes with setup, so that one command works on a fresh machine.
all: $(BUILD)/virtiofs-qual $(GUEST_PROGRAMS) ## compile

$(BUILD)/virtiofs-qual: $(call obj,$(BENCH_MAIN)) $(LIB)
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

$(BUILD)/guest/wl-%: workloads/src/wl-%.c workloads/wl.h
	@mkdir -p $(@D)/.deps
	@echo "  GUEST $@"
	@$(GUEST_CC) -o $@ $<

$(BUILD)/test/%: $(BUILD)/obj/bench/test/%.o $(LIB)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

clean: ## remove what was compiled (keeps roots, image and results)
	rm -rf $(BUILD)/obj $(BUILD)/test $(BUILD)/guest $(BUILD)/libvq.a $(BUILD)/virtiofs-qual

-include $(shell find $(BUILD)/obj $(BUILD)/guest/.deps -name '*.d' 2>/dev/null)
