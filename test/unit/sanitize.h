// Headers that most files include, compiled once for the unit tests with sanitizers.
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>
