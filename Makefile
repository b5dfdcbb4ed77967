# outbox: the PostgreSQL extension and the relay to Kafka.
#
#   make               builds both in build/ (PG_CONFIG=… chooses the server; WERROR=1 makes warnings errors; V=1 shows the commands)
#   make install       installs the extension beside the server, and the relay, its manual pages and completion in $(PREFIX)
#   make installcheck  pg_regress against a running server with the extension, wal_level=logical and max_prepared_transactions
#                      (and output_plugin_libraries, where the server has it)
#   make check         the quick suites (unit, symbols, regress, isolation), on a private PostgreSQL; installs missing packages
#   make check TESTS=test/t/042_poison.t      one test: a TAP file, sql/limits.sql, test/specs/savepoint.spec, or a pattern for --gtest_filter,
#                      such as 'Tracker.*'; blanks separate several
#   make test          all suites, on private servers and a private Apache Kafka; with SANITIZE=1 regress, isolation, tap and chaos, with
#                      sanitizers in the relay and in the extension; with SANITIZE=thread what threads share, with the thread sanitizer;
#                      with ALL=1 also the TAP files that take long; SUITES="unit regress" only those
#   make test-hosted   the TAP files with the hosted form, emit in SQL and slots of pgoutput, instead of the extension
#   make fuzz          fuzzers of the parsers of foreign bytes, FUZZ_SECONDS=20 each; make test runs them, too; needs clang
#   make sanitize      the unit tests with the address and undefined-behaviour sanitizers; make test runs them, too
#   make mutants       applies bugs one by one, each of which the test named in its patch must find; MUTANT='NAME …' only these. All take six
#                      minutes on two cores
#   make chaos         random faults; make test runs 30 s of them with each delivery; DURATION=30m, DELIVERY=exactly-once, SEED=7, MUTANT=all,
#                      BROKERS=3 against a cluster, ALONE=75 each kind of fault in a round of its own for this many seconds
#   make test-failover    failover slots (PostgreSQL 17 and later) and Patroni, with every kind of failover; make test runs the former with some
#                      kinds, make test ALL=1 both
#   make test-upgrade  pg_upgrade from each of MAJORS='15 17 18' to the next one, upgrades from release 1.0.0, and copies of a server; needs root
#   make test-matrix   the suites on PostgreSQL 14 to 19, with the extension and with the hosted form; MAJORS=17 only these; needs root
#   make test-majors   regress, isolation and eleven TAP files on PostgreSQL 14, 16, 18 and 19, with the relay of build/; MAJORS='18 19' only these;
#                      needs root
#   make bench         measures, for hours; CASE='drain …' only these files of test/bench/case, RUNS=5, SCALE=1, PEERS=1 other relays, too.
#                      Results are in build/bench-results, from which test/bench/report and test/bench/readme write texts
#   make demo          an order becomes an event, on servers of the demo's own (KAFKA=1: with Apache Kafka)
#   make lint          clang-format, shellcheck, perl -c, and clang-tidy with the checks of .clang-tidy; each finding is an error
#   make format        clang-format on the sources
#   make relay-page    writes the table of options in docs/relay.md from the settings of the relay
#   make cross-check   compiles the sources with clang, warnings are errors; links nothing
#   make test-arm64    cross-compiles for arm64 in a root of Debian 13, and runs unit, symbols, regress, isolation and a TAP file there under qemu;
#                      SUITES=regress only that; needs root
#   make other-debian  unit, symbols, regress, isolation and twelve TAP files in a root of Debian 13 on 12, or of 12 on 13; SUITES=regress only that;
#                      needs root
#   make bare-debian   in bare roots of Debian 12 and 13: make demo, and ten TAP files, with WHOLE=1 make test; SUITES=bookworm only that; needs root
#   make deb           Debian packages of both in build/deb, for the server of PG_CONFIG; MAINTAINER='Name <address>'
#   make test-own-server   builds PostgreSQL with 32 kB blocks, and runs regress, isolation and TAP on it; SUITES and TESTS choose; needs root
#   make static        build/static/outbox-relay: one program without a shared library, for every x86_64 Linux; made on Debian; 20 minutes once
#   make test-static   the static relay in an empty root, and TAP files with it; needs root
#   make test-deb      builds, installs, starts, upgrades and purges the packages of Debian 12 and 13 in clean roots; needs root
#   make test-images   builds the images with podman, on stand-ins for their bases, and runs them as docker/compose.yaml does; needs root;
#                      ARCH=arm64 for that processor, under emulation
#   make check-kubernetes   checks docker/kubernetes against the schemas of Kubernetes' API
#   make clean         deletes build/
#
# The relay is linked with the tested librdkafka that packaging/librdkafka builds. LIBRDKAFKA=system links the distribution's instead,
# LIBRDKAFKA=pinned goes back; build/ remembers the choice.

OUTBOX_VERSION := 1.0.0
PG_CONFIG ?= pg_config
PREFIX ?= /usr/local
BUILD := build
LIBRDKAFKA ?= $(or $(firstword $(shell cat $(BUILD)/librdkafka.choice 2>/dev/null)),pinned)
export LIBRDKAFKA

quiet := $(if $(V),,@)
say = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '  %-4s %s\n' $(1) $(2))
# The number of jobs, where make was called without -j.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
# A flag, if the compiler accepts it for this processor.
taken = $(shell $(CXX) -Werror $(1) -fsyntax-only -x c++ /dev/null 2>/dev/null && echo ' $(1)')

# ---- the extension: PGXS --------------------------------------------------------------------------------------------

EXTENSION = outbox_ext/outbox
DATA = $(wildcard outbox_ext/outbox--*.sql)
MODULES = $(BUILD)/outbox
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
EXTRA_CLEAN = $(BUILD)

ext_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard outbox_ext/*.cpp outbox_ext/contract/*.cpp))

strict := -std=c++20 -Wall -Wextra $(if $(WERROR),-Werror)
strict += $(if $(call taken,-Wunknown-warning-option),-Wno-unknown-warning-option) # clang: PostgreSQL's own flags are gcc's
strict += $(if $(REPRODUCIBLE),-ffile-prefix-map=$(CURDIR)=outbox) # the same bytes in whichever folder the tree is
harden := -D_FORTIFY_SOURCE=2 -fstack-protector-strong $(call taken,-fstack-clash-protection)
harden += $(call taken,-fcf-protection)$(call taken,-mbranch-protection=standard)

PG_CPPFLAGS = -DOUTBOX_VERSION='"$(OUTBOX_VERSION)"'
PG_CXXFLAGS = $(strict) $(filter-out $(CXXFLAGS) $(CPPFLAGS),$(harden)) -fno-exceptions -fno-rtti -fno-threadsafe-statics -fPIC
override with_llvm = no # bitcode would be compiled without PG_CXXFLAGS

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(filter check,$(MAKECMDGOALS)),)
# PGXS has a target check of its own, which only says that there is none. So for `make check` this make does not include PGXS; the makes that it calls do.
all clean install installcheck: ; @$(MAKE) --no-print-directory $@
else ifeq ($(wildcard $(PGXS)),)
# No server headers yet: `make test` and `make demo` install them first.
all clean install installcheck: ; $(error $(PG_CONFIG) knows no PGXS; install postgresql-server-dev-NN or set PG_CONFIG)
else
include $(PGXS)
endif

$(BUILD)/outbox_ext/%.o: outbox_ext/%.cpp
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(quiet)$(COMPILE.cc) -MMD -MP -o $@ $<

# The C compiler links the extension, so that libstdc++ is not loaded into the server.
$(BUILD)/outbox.so: $(ext_objects) outbox_ext/exports.map
	$(call say,LINK,$@)
	$(quiet)$(CC) $(CFLAGS) $(ext_objects) $(LDFLAGS) -shared -Wl,-z,relro,-z,now -Wl,--no-undefined-version,--version-script=outbox_ext/exports.map -o $@

-include $(wildcard $(BUILD)/outbox_ext/*.d $(BUILD)/outbox_ext/contract/*.d)

# ---- librdkafka -----------------------------------------------------------------------------------------------------

rdkafka_choice := $(BUILD)/librdkafka.choice
ifeq ($(LIBRDKAFKA),pinned)
rdkafka := $(BUILD)/librdkafka/complete
rdkafka_cflags := -isystem $(BUILD)/librdkafka/include
rdkafka_recipe := $(shell sha256sum <packaging/librdkafka)
rdkafka_libs = $(BUILD)/librdkafka/librdkafka.a $(shell cat $(BUILD)/librdkafka/link-with)
else ifeq ($(LIBRDKAFKA),system)
rdkafka :=
rdkafka_cflags := $(shell pkg-config --cflags rdkafka 2>/dev/null)
rdkafka_libs := $(shell pkg-config --libs rdkafka 2>/dev/null)
else
$(error LIBRDKAFKA is "$(LIBRDKAFKA)" and must be "pinned" or "system")
endif

$(BUILD)/librdkafka/complete: packaging/librdkafka
	+@$(unless_asked)CC='$(CC)' CXX='$(CXX)' CFLAGS='$(harden)' $< $(@D)
	@test -s $(@D)/librdkafka.a || { rm -f $@; tail -n 20 $(@D)/log >&2; exit 1; }
# make -n runs what serves its job server, too.
unless_asked = $(if $(findstring n,$(firstword -$(MAKEFLAGS))),: )

# Whatever includes librdkafka is compiled again when the choice changes, or the version.
$(rdkafka_choice): FORCE
	@mkdir -p $(@D)
	@echo '$(LIBRDKAFKA) $(rdkafka_recipe)' | cmp -s - $@ || echo '$(LIBRDKAFKA) $(rdkafka_recipe)' >$@
FORCE:
.PHONY: FORCE # by name, because PGXS makes every other file that is missing an intermediate one, which is not made again

# ---- the relay ------------------------------------------------------------------------------------------------------

optimize := -O2 -g
relay_cxxflags := -Irelay $(optimize) $(strict) $(harden) -fPIE -D_GLIBCXX_ASSERTIONS -DOUTBOX_VERSION='"$(OUTBOX_VERSION)"' $(rdkafka_cflags) \
	$(shell pkg-config --cflags libpq spdlog libmicrohttpd prometheus-cpp-core libcrypto 2>/dev/null)
relay_ldflags := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
relay_libs = $(rdkafka_libs) $(shell pkg-config --libs libpq spdlog fmt libmicrohttpd prometheus-cpp-core libssl libcrypto 2>/dev/null) -pthread

relay_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard relay/*.cpp relay/*/*.cpp relay/*/*/*.cpp))

# The relay compiles outbox_ext/contract/, which both sides keep to, with its own flags and without a header of the server.
contract_objects := $(patsubst outbox_ext/%.cpp,$(BUILD)/relay/%.o,$(wildcard outbox_ext/contract/*.cpp))

# The pure folders are a library. The linker keeps them pure: it links core_tests with the library and without libpq and librdkafka.
core := $(BUILD)/librelay-core.a
core_objects := $(filter $(addprefix $(BUILD)/relay/,base/% core/% loop/%),$(relay_objects))
program_objects := $(filter-out $(core_objects),$(relay_objects))
part_objects := $(filter-out $(BUILD)/relay/main.o,$(program_objects)) # those of tests and benchmarks

# Manual pages, made of docs/, and completion for shells, which the relay prints. `make manual= completion=` leaves them out, for images and where the
# relay is another processor's.
manual := $(addprefix $(BUILD)/man/,outbox-relay.1 outbox-relay.toml.5 outbox.7)
completion := $(addprefix $(BUILD)/completion/,bash zsh fish)
$(manual) &: packaging/man docs/relay.md docs/configuration.md docs/emit.md Makefile
	$(call say,MAN,$(BUILD)/man)
	$(quiet)mkdir -p $(BUILD)/man && packaging/man $(BUILD)/man
$(completion): $(BUILD)/completion/%: $(BUILD)/outbox-relay
	@mkdir -p $(@D)
	$(quiet)$< completion $* >$@

ifndef EXTENSION_ONLY
all: $(BUILD)/outbox-relay $(manual) $(completion)
install: install-relay
endif

ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
completes_bash := $(PREFIX)/share/bash-completion/completions/outbox-relay
completes_zsh = $(ZSH_COMPLETIONS)/_outbox-relay
completes_fish := $(PREFIX)/share/fish/vendor_completions.d/outbox-relay.fish
strip_program = $(if $(filter-out strip,$(STRIP)),--strip-program=$(STRIP))
manual_of = $(PREFIX)/share/man/man$(subst .,,$(suffix $(1)))/$(notdir $(1))

install-relay: $(BUILD)/outbox-relay $(manual) $(completion)
	install -D -s $(strip_program) -m 755 $< '$(DESTDIR)$(PREFIX)/bin/outbox-relay'
	$(foreach page,$(manual),install -D -m 644 $(page) '$(DESTDIR)$(call manual_of,$(page))' &&) :
	$(foreach shell,$(notdir $(completion)),install -D -m 644 $(BUILD)/completion/$(shell) '$(DESTDIR)$(completes_$(shell))' &&) :
uninstall: uninstall-relay uninstall-module
# PGXS installs the module as outbox.so, and would take it away as build/outbox.so.
uninstall-module:
	rm -f '$(DESTDIR)$(pkglibdir)/outbox.so'
uninstall-relay:
	rm -f $(patsubst %,'$(DESTDIR)%',$(PREFIX)/bin/outbox-relay $(foreach page,$(manual),$(call manual_of,$(page))) $(completes_bash) $(completes_zsh) $(completes_fish))

$(core): $(core_objects) $(contract_objects)
	$(call say,AR,$@)
	@rm -f $@ # an old archive may hold objects whose sources are gone
	$(quiet)$(AR) rcs $@ $^

$(BUILD)/outbox-relay: $(program_objects) $(core)
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs)
	$(if $(filter system,$(LIBRDKAFKA)),-@$@ version >$(BUILD)/version)

$(BUILD)/relay/contract/%.o: outbox_ext/contract/%.cpp
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(quiet)$(CXX) $(relay_cxxflags) -MMD -MP -c -o $@ $<

$(BUILD)/relay/%.o: relay/%.cpp $(rdkafka_choice) | $(rdkafka)
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(quiet)$(CXX) $(relay_cxxflags) -MMD -MP -c -o $@ $<

-include $(wildcard $(BUILD)/relay/*.d $(BUILD)/relay/*/*.d $(BUILD)/relay/*/*/*.d)
$(BUILD)/relay/command/hosted_sql.o: $(wildcard outbox_ext/hosted/*.sql) outbox_ext/inbox.sql # the assembler reads the scripts into this object

# ---- the sample service ---------------------------------------------------------------------------------------------

orders_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard docker/orders/*.cpp))

$(BUILD)/docker/%.o: relay_cxxflags += -I.
# cpp-httplib's own macros, without which its classes have other sizes.
$(BUILD)/docker/%.o: relay_cxxflags += $(shell pkg-config --cflags cpp-httplib 2>/dev/null)
$(BUILD)/docker/%.o: docker/%.cpp
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(quiet)$(CXX) $(relay_cxxflags) -MMD -MP -c -o $@ $<

$(BUILD)/orders: $(orders_objects)
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(relay_ldflags) -o $@ $^ -lpq -lcpp-httplib -lssl -lcrypto -pthread

-include $(wildcard $(BUILD)/docker/*/*.d)

# ---- tests and demo -------------------------------------------------------------------------------------------------

include $(wildcard test/programs.mk) # the images are built without the tests

kafka := $(BUILD)/kafka-client $(BUILD)/kafka/complete
check-programs: all $(BUILD)/unit_tests $(BUILD)/core_tests
chaos-programs: all $(BUILD)/proxy $(BUILD)/names.so $(kafka)
tap-programs: chaos-programs $(BUILD)/plugin-1.0/outbox.so $(BUILD)/outbox_no_filter.so $(BUILD)/orders $(bench_programs) $(BUILD)/python/complete $(BUILD)/peers/debezium/complete $(how_to)
bench-programs: all $(bench_programs) $(BUILD)/bench-count-extension $(BUILD)/outbox_no_filter.so $(BUILD)/outbox_nothing.so $(kafka)
test-programs: check-programs tap-programs bench-programs $(patsubst %,%-programs,$(filter fuzz sanitize,$(or $(SUITES),fuzz sanitize)))
of_demo := all $(BUILD)/orders $(if $(KAFKA),$(kafka))
demo-programs: $(of_demo)
check-programs chaos-programs tap-programs bench-programs test-programs demo-programs fuzz-programs: ; @: # and not a word where there is nothing to do

ifneq ($(filter check,$(MAKECMDGOALS)),)
check:
	@test/support/packages $(if $(findstring test/t/,$(TESTS)),test demo,check)
	@$(MAKE) --no-print-directory $(jobs) $(if $(findstring test/t/,$(TESTS)),tap-programs) $(if $(TESTS),all $(if $(filter-out test/% sql/%,$(TESTS)),check-programs),check-programs)
	@test/support/unprivileged test/run $(if $(TESTS),,unit symbols regress isolation)
endif

test:
	@test/support/packages test demo
	@$(MAKE) --no-print-directory $(jobs) $(call of_sanitizer,test-programs,tap-programs sanitize-programs,tap-programs thread-programs)
	@$(call of_sanitizer,,,$(fixed_addresses) env TESTS='$(or $(TESTS),$(threads_seen))') test/support/unprivileged test/run \
		$(call of_sanitizer,$(or $(SUITES),$(if $(ALL),all)),regress isolation tap chaos,threads tap)

test-hosted:
	@test/support/packages test demo
	@$(MAKE) --no-print-directory $(jobs) tap-programs
	@FORM=hosted test/support/unprivileged test/run tap long

chaos:
	@test/support/packages test
	@$(MAKE) --no-print-directory $(jobs) chaos-programs
	@test/support/unprivileged test/run chaos

test-upgrade:
	@test/support/packages check tap kafka debian
	@$(MAKE) --no-print-directory $(jobs) chaos-programs $(BUILD)/plugin-1.0/outbox.so
	@test/support/majors $(or $(MAJORS),15 17 18)
	@test/support/release-1.0
	@TEST_MAJORS='$(or $(MAJORS),15 17 18)' TESTS='$(or $(TESTS),test/t/084_versions.t test/t/086_pg_upgrade.t test/t/20[2-5]_*.t)' test/support/unprivileged test/run tap

test-failover:
	@test/support/packages test
	@$(MAKE) --no-print-directory $(jobs) tap-programs
	@FAILOVERS=all TESTS='test/t/200_failover_slots.t test/t/201_patroni.t' test/support/unprivileged test/run tap
.PHONY: test-failover test-upgrade

CASE ?= drain latency emit interference slots scale large $(if $(PEERS),peers) smoke
bench:
	@test/support/packages bench $(if $(PEERS),peers)
	@$(MAKE) --no-print-directory $(jobs) bench-programs
	$(if $(PEERS),@$(MAKE) --no-print-directory bench-peers)
	@BENCH_CASES='$(CASE)' BENCH_RUNS='$(RUNS)' BENCH_SCALE='$(SCALE)' BENCH_LIMIT=36000 test/support/unprivileged test/run bench

demo: # make -s: the terminal shows what the demo says, not what is compiled
	@test/support/packages demo $(if $(KAFKA),kafka)
	@$(MAKE) -q $(of_demo) >/dev/null 2>&1 || echo "Building outbox$(if $(KAFKA), and fetching Apache Kafka), once; this takes a minute or two."
	@$(MAKE) $(if $(V),,-s) --no-print-directory $(jobs) demo-programs
	@test/support/unprivileged docker/demo

format:
	clang-format -i $(formatted)

# Compiles with another compiler.
sources := $(wildcard outbox_ext/*.cpp outbox_ext/contract/*.cpp relay/*.cpp relay/*/*.cpp relay/*/*/*.cpp docker/orders/*.cpp)
cross-check:
	@test/support/packages cross
	@$(MAKE) --no-print-directory $(jobs) CXX=clang++ WERROR=1 $(sources:%=$(BUILD)/syntax/clang++/%)
flags_of = $(if $(filter outbox_ext/%,$(1)),$(CXXFLAGS) $(CPPFLAGS),$(relay_cxxflags) -I.)
$(BUILD)/syntax/$(CXX)/%: % | $(rdkafka)
	@mkdir -p $(@D)
	$(call say,$(CXX),$<)
	$(quiet)$(CXX) $(call flags_of,$<) -fsyntax-only $<
	@touch $@

# Writes the table of options in docs/relay.md.
relay-page: $(BUILD)/outbox-relay
	perl -0pi -e 'BEGIN { $$table = `$< help --markdown` } s/^(<!-- options -->\n).*?^(?=<!-- \/options -->)/$$1$$table/ms' docs/relay.md

print-module:
	@echo $(BUILD)/outbox.so

.PHONY: relay-page fuzz fuzz-programs install-relay uninstall-relay uninstall-module check-programs chaos-programs tap-programs test-programs bench-programs bench-peers demo-programs check test chaos bench \
	demo format cross-check print-module

include $(wildcard test/sanitizers.mk)

# Applies one bug after the other; the test that the patch names must find it.
mutants:
	@test/support/packages test
	@$(MAKE) --no-print-directory $(jobs) check-programs tap-programs
	@test/support/unprivileged test/mutants/run $(filter-out all,$(MUTANT))

# ---- the other Debian -----------------------------------------------------------------------------------------------

# Every major of PostgreSQL, with both forms. MAJORS=17 and MATRIX_FILES="003 042" choose; MATRIX_CHAOS=30s adds chaos runs.
test-matrix:
	@test/support/matrix && test/support/matrix page
test-majors:
	@test/support/matrix short
.PHONY: test-matrix test-majors test-hosted

other-debian:
	@test/support/other-debian $(SUITES)
bare-debian:
	@test/support/bare-debian $(SUITES)
test-arm64:
	@test/support/arm64 $(SUITES)
test-own-server:
	@test/support/own-server $(SUITES)
.PHONY: other-debian bare-debian test-arm64 test-own-server

# ---- packages -------------------------------------------------------------------------------------------------------

# Builds librdkafka in build/ first, because the packages are built in another folder.
deb:
	@test/support/packages build deb
	@$(MAKE) --no-print-directory $(BUILD)/librdkafka/complete
	@packaging/deb $(BUILD)/deb
test-deb:
	@test/support/deb
.PHONY: deb test-deb

# ---- the static relay -----------------------------------------------------------------------------------------------

# The relay again, in a folder of its own, by the compiler and with the libraries that packaging/static makes. The hardening mode of libc++ checks what
# _GLIBCXX_ASSERTIONS does in libstdc++.
static := $(BUILD)/static
static_tool = $(abspath $(static)/bin)/$(1)
static_harden := -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-U_LIBCPP_HARDENING_MODE -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_FAST
static:
	@test/support/packages static
	+@$(MAKE) --no-print-directory $(jobs) static-relay
static-relay:
	+@packaging/static $(static)
	@mkdir -p $(static)/relay/librdkafka
	@cp -n $(BUILD)/librdkafka/*.tgz $(static)/relay/librdkafka 2>/dev/null || :
	+@PKG_CONFIG_LIBDIR='$(abspath $(static)/lib/pkgconfig)' FOR=static $(MAKE) --no-print-directory BUILD=$(static)/relay LIBRDKAFKA=pinned \
		CC=$(call static_tool,cc) CXX=$(call static_tool,c++) AR=$(call static_tool,ar) optimize=-O2 harden='$(static_harden)' \
		relay_ldflags='-static -pie -s' $(static)/relay/outbox-relay
	@cp $(static)/relay/outbox-relay $(static)/
test-static: static
	@$(MAKE) --no-print-directory $(jobs) tap-programs
	@test/support/static $(static)/outbox-relay
.PHONY: static static-relay test-static

# ---- images ---------------------------------------------------------------------------------------------------------

test-images:
	@test/support/images
.PHONY: test-images

# ---- Kubernetes -----------------------------------------------------------------------------------------------------

# The schemas come from a package of PyPI, none of whose programs is run.
schemas := $(BUILD)/kubernetes/kubernetes_validate-1.37.0-py3-none-any.whl
schemas_sha256 := 85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9
check-kubernetes:
	@test/support/packages kubernetes
	@mkdir -p $(dir $(schemas))
	@test -e $(schemas) || python3 -m pip download -q --disable-pip-version-check --no-deps -d $(dir $(schemas)) kubernetes-validate==1.37.0
	@echo '$(schemas_sha256)  $(schemas)' | sha256sum --check --status || { echo '$(schemas) is not the one that was looked at' >&2; exit 1; }
	@/usr/bin/python3 test/support/kubernetes $(schemas)
.PHONY: check-kubernetes

# ---- lint -----------------------------------------------------------------------------------------------------------

formatted := $(wildcard outbox_ext/*.cpp outbox_ext/*.h outbox_ext/contract/*.cpp outbox_ext/contract/*.h relay/*.cpp relay/*/*.cpp relay/*/*.h relay/*/*/*.cpp relay/*/*/*.h \
	test/*/*.cpp test/*/*/*.cpp test/*/*/*.h test/*/*.h docker/orders/*.cpp docker/orders/*.h)
shell_scripts = $(shell grep -rlE '^\#!.*\b(ba)?sh\b' .ci test packaging docker)
perl_files := $(wildcard test/t/*.t test/chaos/*.t test/bench/*.pl test/bench/*.pm test/support/*/*.pl test/*/*/*.pm test/*/*/*/*.pm test/*/*/*/*/*.pm)
perl_paths = -Itest/support -Itest/bench -I$(dir $(PGXS))../../src/test/perl

lint:
	@test/support/packages lint
	@$(MAKE) --no-print-directory $(jobs) -k lint-format lint-shell lint-perl $(sources:%=lint/%)
lint-format:
	$(call say,LINT,clang-format)
	$(quiet)clang-format --dry-run -Werror $(formatted)
lint-shell:
	$(call say,LINT,shellcheck)
	$(quiet)shellcheck -a -x $(shell_scripts)
lint-perl:
	$(call say,LINT,perl)
	$(quiet)status=0; for file in $(perl_files); do words=$$(perl $(perl_paths) -c "$$file" 2>&1) || { status=1; echo "$$words" >&2; }; done; exit $$status
$(sources:%=lint/%): lint/%: % | $(rdkafka)
	$(call say,LINT,$<)
	$(quiet)clang-tidy --quiet $< -- $(call flags_of,$<) 2>/dev/null

.PHONY: lint lint-format lint-shell lint-perl
.PHONY: sanitize sanitize-programs mutants
