# outbox: the PostgreSQL extension and the relay to Kafka.
#
#   make               build both below build/ (PG_CONFIG=… chooses the server; WERROR=1 makes warnings errors)
#   make install       install the extension next to the server, the relay below $(PREFIX)/bin
#   make installcheck  pg_regress against a running server with the extension, wal_level=logical and
#                      max_prepared_transactions (and output_plugin_libraries, where it knows that)
#   make test          everything, on a private PostgreSQL and a private Apache Kafka; installs missing packages
#   make chaos         faults of every kind, part of make test (30 s for each delivery); DURATION=30m, DELIVERY=exactly-once, SEED=7, MUTANT=all
#   make bench         measure, for hours; CASE='drain …' some of test/bench/case, RUNS=5, SCALE=1, PEERS=1: others too. Results are in
#                      build/bench-results; test/bench/report and test/bench/readme make texts of them
#   make demo          an order becomes an event, on throw-away servers (KAFKA=1: through a real Kafka)
#   make format        clang-format over the sources
#   make clean         delete build/

OUTBOX_VERSION := 1.0.0
PG_CONFIG ?= pg_config
PREFIX ?= /usr/local
BUILD := build

# ---- the extension: PGXS --------------------------------------------------------------------------------------------

EXTENSION = outbox_ext/outbox
DATA = $(wildcard outbox_ext/outbox--*.sql)
MODULES = $(BUILD)/outbox
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
EXTRA_CLEAN = $(BUILD)

ext_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard outbox_ext/*.cpp))

strict := -std=c++20 -Wall -Wextra $(if $(WERROR),-Werror)
harden := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection

PG_CPPFLAGS = -DOUTBOX_VERSION='"$(OUTBOX_VERSION)"'
PG_CXXFLAGS = $(strict) $(harden) -fno-exceptions -fno-rtti -fno-threadsafe-statics -fPIC
override with_llvm = no # bitcode would be compiled without PG_CXXFLAGS

PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
# No server headers yet: `make test` and `make demo` install them first.
all clean install installcheck: ; $(error $(PG_CONFIG) knows no PGXS; install postgresql-server-dev-NN or set PG_CONFIG)
else
include $(PGXS)
endif

$(BUILD)/outbox_ext/%.o: outbox_ext/%.cpp
	@mkdir -p $(@D)
	$(COMPILE.cc) -MMD -MP -o $@ $<

# Linked by the C compiler: libstdc++ has no business in the server.
$(BUILD)/outbox.so: $(ext_objects) outbox_ext/exports.map
	$(CC) $(CFLAGS) $(ext_objects) $(LDFLAGS) -shared -Wl,-z,relro,-z,now -Wl,--no-undefined-version,--version-script=outbox_ext/exports.map -o $@

-include $(wildcard $(BUILD)/outbox_ext/*.d)

# ---- the relay ------------------------------------------------------------------------------------------------------

relay_cxxflags := -O2 -g $(strict) $(harden) -fPIE -D_GLIBCXX_ASSERTIONS -DOUTBOX_VERSION='"$(OUTBOX_VERSION)"' \
	$(shell pkg-config --cflags libpq rdkafka spdlog libmicrohttpd libcrypto 2>/dev/null)
relay_ldflags := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
relay_libs := $(shell pkg-config --libs libpq rdkafka spdlog fmt libmicrohttpd libcrypto 2>/dev/null) -pthread

relay_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard relay/*.cpp))

all: $(BUILD)/outbox-relay

install: install-relay
install-relay: $(BUILD)/outbox-relay
	install -D -m 755 $< '$(DESTDIR)$(PREFIX)/bin/outbox-relay'
uninstall: uninstall-relay
uninstall-relay:
	rm -f '$(DESTDIR)$(PREFIX)/bin/outbox-relay'

$(BUILD)/outbox-relay: $(relay_objects)
	$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs)

$(BUILD)/relay/%.o: relay/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(relay_cxxflags) -MMD -MP -c -o $@ $<

-include $(wildcard $(BUILD)/relay/*.d)

# ---- tests and demo -------------------------------------------------------------------------------------------------

unit_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard test/unit/*.cpp))
orders_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard docker/orders/*.cpp))

$(BUILD)/test/%.o $(BUILD)/docker/%.o: relay_cxxflags += -I.
# With the library's own macros, or its classes have other sizes.
$(BUILD)/docker/%.o: relay_cxxflags += $(shell pkg-config --cflags cpp-httplib 2>/dev/null)
$(BUILD)/test/%.o: test/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(relay_cxxflags) -MMD -MP -c -o $@ $<
$(BUILD)/docker/%.o: docker/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(relay_cxxflags) -MMD -MP -c -o $@ $<

# With the one file of the extension's that needs no server.
$(BUILD)/unit_tests: $(unit_objects) $(BUILD)/outbox_ext/json_scan.o $(filter-out $(BUILD)/relay/main.o,$(relay_objects))
	$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs) -lgtest -lgtest_main -pthread

$(BUILD)/kafka-client: $(BUILD)/test/support/kafka_client.o
	$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs)

$(BUILD)/proxy: $(BUILD)/test/chaos/proxy.o
	$(CXX) $(relay_ldflags) -o $@ $^

$(BUILD)/orders: $(orders_objects)
	$(CXX) $(relay_ldflags) -o $@ $^ -lpq -lcpp-httplib -lssl -lcrypto -pthread

# A real Apache Kafka: its jars, from Maven's own cache where they are known.
$(BUILD)/kafka/complete: test/support/kafka/pom.xml
	rm -rf $(@D)/libs
	mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory='$(abspath $(BUILD))/kafka/libs'
	@touch $@

-include $(wildcard $(BUILD)/test/*/*.d $(BUILD)/docker/*/*.d)

bench_programs := $(BUILD)/bench-reader $(BUILD)/bench-arrived $(BUILD)/bench-sink $(BUILD)/bench-latency $(BUILD)/bench-count-relay
$(bench_programs): $(BUILD)/bench-%: $(BUILD)/test/bench/%.o $(filter-out $(BUILD)/relay/main.o,$(relay_objects))
	$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs)

# The extension's pure parts in a program of their own, compiled as for the server.
count_extension := $(addprefix $(BUILD)/,test/bench/count-extension.o test/bench/no-server.o outbox_ext/envelope.o outbox_ext/json.o outbox_ext/json_scan.o)
$(BUILD)/test/bench/count-extension.o: test/bench/count-extension.cpp
	@mkdir -p $(@D)
	$(COMPILE.cc) -I. -MMD -MP -o $@ $<
$(BUILD)/bench-count-extension: $(count_extension)
	$(CXX) -o $@ $^

# The extension with another plugin: one that lets the server queue what others write, for a measurement of what that costs, and the one of 1.0.
other_plugins := $(addprefix $(BUILD)/test/,bench/plugin_no_filter.o support/plugin_1_0.o)
$(other_plugins): $(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(COMPILE.cc) -I. -MMD -MP -o $@ $<
$(BUILD)/outbox_no_filter.so: $(BUILD)/test/bench/plugin_no_filter.o
$(BUILD)/plugin-1.0/outbox.so: $(BUILD)/test/support/plugin_1_0.o
$(BUILD)/outbox_no_filter.so $(BUILD)/plugin-1.0/outbox.so: $(filter-out %/plugin.o,$(ext_objects)) outbox_ext/exports.map
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(filter-out %.map,$^) $(LDFLAGS) -shared -Wl,-z,relro,-z,now -Wl,--version-script=outbox_ext/exports.map -o $@

# Other relays to compare with, each where it can be fetched.
go_relay := test/bench/peers/go-relay
$(BUILD)/peers/go-relay: $(go_relay)/main.go $(go_relay)/go.mod $(go_relay)/go.sum
	cd $(go_relay) && GOTOOLCHAIN=auto go build -buildvcs=false -o '$(abspath $@)'

debezium := io.debezium:debezium-connector-postgres:3.7.0.Final:tar.gz:plugin
$(BUILD)/peers/debezium/complete: test/bench/peers/debezium/pom.xml
	mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory='$(abspath $(@D))/libs'
	mvn -q -B -f $< dependency:copy -Dartifact=$(debezium) -DoutputDirectory='$(abspath $(@D))'
	mkdir -p $(@D)/plugins
	tar -xzf $(@D)/debezium-connector-postgres-*.tar.gz -C $(@D)/plugins
	@touch $@

bench-peers:
	@for peer in go-relay debezium/complete; do \
		$(MAKE) --no-print-directory "$(BUILD)/peers/$$peer" || echo "bench: no $${peer%/*}, it is left out" >&2; done

kafka := $(BUILD)/kafka-client $(BUILD)/kafka/complete
bench-programs: all $(bench_programs) $(BUILD)/bench-count-extension $(BUILD)/outbox_no_filter.so $(kafka)
test-programs: all $(BUILD)/unit_tests $(BUILD)/plugin-1.0/outbox.so $(BUILD)/outbox_no_filter.so $(BUILD)/orders $(BUILD)/proxy $(bench_programs) $(BUILD)/bench-count-extension $(kafka)
demo-programs: all $(BUILD)/orders $(if $(KAFKA),$(kafka))

test:
	test/support/packages test demo
	$(MAKE) -j$(shell nproc) test-programs
	test/support/unprivileged test/run

chaos:
	test/support/packages test
	$(MAKE) -j$(shell nproc) test-programs
	test/support/unprivileged test/run chaos

CASE ?= drain latency emit interference scale $(if $(PEERS),peers) smoke
bench:
	test/support/packages bench $(if $(PEERS),peers)
	$(MAKE) -j$(shell nproc) bench-programs
	$(if $(PEERS),$(MAKE) bench-peers)
	BENCH_CASES='$(CASE)' BENCH_RUNS='$(RUNS)' BENCH_SCALE='$(SCALE)' BENCH_LIMIT=36000 test/support/unprivileged test/run bench

demo:
	test/support/packages demo $(if $(KAFKA),kafka)
	$(MAKE) -j$(shell nproc) demo-programs
	test/support/unprivileged docker/demo

format:
	clang-format -i $(wildcard outbox_ext/*.cpp outbox_ext/*.h relay/*.cpp relay/*.h test/*/*.cpp docker/orders/*.cpp docker/orders/*.h)

print-module:
	@echo $(BUILD)/outbox.so

.PHONY: install-relay uninstall-relay test-programs bench-programs bench-peers demo-programs test chaos bench demo format print-module
