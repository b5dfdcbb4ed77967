# The programs that tests, benchmarks and pages need, and what they fetch; a part of the Makefile.

unit_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard test/unit/*.cpp))

$(BUILD)/test/%.o: relay_cxxflags += -I.
$(BUILD)/test/unit/%.o: relay_cxxflags += -O0 -g1 -U_FORTIFY_SOURCE # the tests' own code; compiles in half of the time
$(BUILD)/test/%.o: test/%.cpp $(rdkafka_choice) | $(rdkafka)
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(quiet)$(CXX) $(relay_cxxflags) -MMD -MP -c -o $@ $<

$(BUILD)/unit_tests: $(unit_objects) $(part_objects) $(core)
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs) -lgtest -lgtest_main -pthread

# core_tests has the unit tests that need the library only. The linker takes the whole library, so that every object is linked.
core_tests := $(shell grep -LE '"relay/(kafka|postgres|stdout|watch|config|command)/|"(mock_kafka|small_relay)\.h"' test/unit/*_test.cpp)
$(BUILD)/core_tests: $(core_tests:%.cpp=$(BUILD)/%.o) $(core)
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(relay_ldflags) -o $@ $(filter %.o,$^) -Wl,--whole-archive $(core) -Wl,--no-whole-archive \
		$(shell pkg-config --libs spdlog fmt) -lgtest -lgtest_main -pthread

$(BUILD)/kafka-client: $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard test/support/kafka_client/*.cpp))
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs)

$(BUILD)/proxy: $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard test/chaos/proxy/*.cpp))
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(relay_ldflags) -o $@ $^

$(BUILD)/names.so: test/support/names.c
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(quiet)$(CC) -O2 -Wall -Wextra -shared -fPIC -o $@ $< -ldl

# Apache Kafka: its jars, which Maven fetches.
maven := test/support/maven
$(BUILD)/kafka/complete: test/support/kafka/pom.xml
	$(call say,MVN,$(@D)/libs)
	@rm -rf $(@D)/libs
	$(quiet)$(maven) -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory='$(abspath $(BUILD))/kafka/libs'
	@rm -rf $(BUILD)/maven
	@touch $@

# Python packages for the tests that Debian does not have, for Debian's Python.
$(BUILD)/python/complete: test/support/python/requirements.txt
	$(call say,PIP,$(@D))
	@rm -rf $(@D)
	$(quiet)/usr/bin/python3 -m pip install -q --no-deps --no-compile --disable-pip-version-check --root-user-action=ignore --target $(@D) -r $<
	@touch $@

# The programs of pages, and those that try drivers, where there is what compiles them: Go, Rust, a JDK; npm and Maven fetch packages and jars.
how_to := $(foreach each,go:go/shop cargo:rust/shop javac:java/complete,$(if $(shell command -v $(firstword $(subst :, ,$(each)))),$(BUILD)/how-to/$(lastword $(subst :, ,$(each)))))
how_to += $(if $(shell command -v npm),$(BUILD)/node/complete)
blocks = awk '/^```$$/ { file = "" } file { print > file } /^```$(1)$$/ { getline; file = "$(@D)/" $$2; folder = file; sub(/[^\/]*$$/, "", folder); system("mkdir -p " folder) }' $(filter %.md,$^)
$(BUILD)/how-to/go/shop: docs/how-to/go.md docs/how-to/consume-go.md test/support/how-to/go.mod test/support/how-to/go.sum test/support/drivers/drivers.go
	$(call say,GO,$(@D))
	@rm -rf $(@D)
	@mkdir -p $(@D)/drivers
	@cp $(filter %.mod %.sum,$^) $(@D)
	@cp $(filter %.go,$^) $(@D)/drivers/main.go
	$(quiet)$(call blocks,go)
	$(quiet)cd $(@D) && export CGO_ENABLED=0 GOTOOLCHAIN=auto && go test -c -o shop.test && go build -buildvcs=false -o ./consume ./consumer && \
		go build -buildvcs=false -o ./drive ./drivers && go build -buildvcs=false -o shop
# Its client of Kafka is linked with the librdkafka that the relay is linked with.
$(BUILD)/how-to/rust/shop: docs/how-to/rust.md docs/how-to/consume-rust.md test/support/how-to/Cargo.toml test/support/how-to/Cargo.lock test/support/drivers/drivers.rs | $(BUILD)/librdkafka/complete
	$(call say,CARGO,$(@D))
	@rm -rf $(@D)
	@mkdir -p $(@D)/src/bin
	@cp $(filter %.toml %.lock,$^) $(@D)
	@cp $(filter %.rs,$^) $(@D)/src/bin
	$(quiet)$(call blocks,rust)
	@printf 'Name: rdkafka\nDescription: pinned\nVersion: 2.14.2\nLibs: -L%s -lrdkafka %s\n' '$(abspath $(BUILD))/librdkafka' "$$(cat $(BUILD)/librdkafka/link-with)" >$(@D)/rdkafka.pc
	$(quiet)cd $(@D) && export CARGO_TARGET_DIR=target PKG_CONFIG_PATH='$(abspath $(@D))' && cargo test -q --locked --no-run --bin shop && \
		find target/debug/deps -name 'shop-*' -type f -executable -exec mv {} shop.test ';' && cargo build -q --locked && mv target/debug/consumer consume && \
		mv target/debug/drivers drive && mv target/debug/shop shop
	@rm -rf $(@D)/target
$(BUILD)/how-to/java/complete: docs/how-to/consume-java.md test/support/drivers/Drivers.java $(BUILD)/java/complete
	$(call say,JAVAC,$(@D))
	@rm -rf $(@D)
	@mkdir -p $(@D)
	$(quiet)$(call blocks,java)
	$(quiet)javac -proc:none -parameters -d $(@D)/classes -cp '$(BUILD)/java/libs/*' $(@D)/shop/*.java $(filter %.java,$^)
	@touch $@

# Jars for programs of Java, out of Maven Central, and packages for programs of JavaScript, without what they would run when they are installed.
$(BUILD)/java/complete: test/support/java/pom.xml | $(BUILD)/kafka/complete $(BUILD)/peers/debezium/complete
	$(call say,MVN,$(@D)/libs)
	@rm -rf $(@D)
	$(quiet)$(maven) -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory='$(abspath $(@D))/libs'
	@rm -rf $(BUILD)/maven
	@touch $@
$(BUILD)/node/complete: test/support/node/package-lock.json test/support/node/package.json
	$(call say,NPM,$(@D))
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	$(quiet)cd $(@D) && npm ci --silent --ignore-scripts --no-audit --no-fund --no-update-notifier --cache ./cache
	@rm -rf $(@D)/cache
	@find $(@D)/node_modules \( -name '*.map' -o -path '*/runtime/query_*' \( -name '*mysql*' -o -name '*sqlite*' -o -name '*sqlserver*' -o -name '*cockroachdb*' \) \) -type f -delete
	@touch $@

-include $(wildcard $(BUILD)/test/*/*.d $(BUILD)/test/*/*/*.d)

bench_programs := $(BUILD)/bench-reader $(BUILD)/bench-arrived $(BUILD)/bench-sink $(BUILD)/bench-latency $(BUILD)/bench-count-relay
$(bench_programs): $(BUILD)/bench-%: $(BUILD)/test/bench/%.o $(part_objects) $(core)
	$(call say,LINK,$@)
	$(quiet)$(CXX) $(relay_ldflags) -o $@ $^ $(relay_libs)

# A program with the extension's pure parts, compiled as for the server.
count_extension := $(addprefix $(BUILD)/,test/bench/count-extension.o test/bench/no-server.o outbox_ext/envelope.o outbox_ext/json.o) \
	$(filter $(BUILD)/outbox_ext/contract/%,$(ext_objects))
$(BUILD)/test/bench/count-extension.o: test/bench/count-extension.cpp
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(quiet)$(COMPILE.cc) -I. -MMD -MP -o $@ $<
$(BUILD)/bench-count-extension: $(count_extension)
	$(call say,LINK,$@)
	$(quiet)$(CXX) -o $@ $^

# The extension with other plugins: one without the filter, for a benchmark, and the plugin of 1.0, for a test. And a plugin that does nothing.
other_plugins := $(addprefix $(BUILD)/test/,bench/plugin_no_filter.o bench/plugin_nothing.o support/plugin_1_0.o)
$(other_plugins): $(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(quiet)$(COMPILE.cc) -I. -MMD -MP -o $@ $<
$(BUILD)/outbox_no_filter.so: $(BUILD)/test/bench/plugin_no_filter.o
$(BUILD)/plugin-1.0/outbox.so: $(BUILD)/test/support/plugin_1_0.o
$(BUILD)/outbox_no_filter.so $(BUILD)/plugin-1.0/outbox.so: $(filter-out %/plugin.o,$(ext_objects)) outbox_ext/exports.map
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(quiet)$(CC) $(CFLAGS) $(filter-out %.map,$^) $(LDFLAGS) -shared -Wl,-z,relro,-z,now -Wl,--version-script=outbox_ext/exports.map -o $@

$(BUILD)/outbox_nothing.so: $(BUILD)/test/bench/plugin_nothing.o
	$(call say,LINK,$@)
	$(quiet)$(CC) $(CFLAGS) $< $(LDFLAGS) -shared -o $@

# Other relays for comparison, each where it can be fetched.
go_relay := test/bench/peers/go-relay
$(BUILD)/peers/go-relay: $(go_relay)/main.go $(go_relay)/go.mod $(go_relay)/go.sum
	$(call say,GO,$@)
	$(quiet)cd $(go_relay) && GOTOOLCHAIN=auto go build -buildvcs=false -o '$(abspath $@)'

debezium := io.debezium:debezium-connector-postgres:3.7.0.Final:tar.gz:plugin
$(BUILD)/peers/debezium/complete: test/bench/peers/debezium/pom.xml | $(BUILD)/kafka/complete
	$(call say,MVN,$(@D))
	$(quiet)$(maven) -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory='$(abspath $(@D))/libs'
	$(quiet)$(maven) -f $< dependency:copy -Dartifact=$(debezium) -DoutputDirectory='$(abspath $(@D))'
	$(quiet)mkdir -p $(@D)/plugins
	$(quiet)tar -xzf $(@D)/debezium-connector-postgres-*.tar.gz -C $(@D)/plugins
	@rm -rf $(BUILD)/maven
	@touch $@

bench-peers:
	@for peer in go-relay debezium/complete; do \
		$(MAKE) --no-print-directory "$(BUILD)/peers/$$peer" || echo "bench: no $${peer%/*}, it is left out" >&2; done
