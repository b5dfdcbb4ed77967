// Metrics for prometheus-cpp's serializer: families with the prefix outbox_relay_, each with its help and its samples. Only the library's
// serializer is used, and no registry: each scrape reads the values where they are. Tested by test/unit/status_test.cpp and
// test/t/121_metrics.t.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox {

class Families {
public:
    using Labels = std::initializer_list<std::pair<const char *, std::string_view>>;

    // Begins a family; its samples follow.
    void begin(prometheus::MetricType type, const std::string &name, const char *help) {
        families_.push_back({name.starts_with("process_") ? name : "outbox_relay_" + name, help, type, {}});
    }
    void add(Labels labels, double value) {
        prometheus::ClientMetric &metric = sample(labels);
        if (families_.back().type == prometheus::MetricType::Counter)
            metric.counter.value = value;
        else
            metric.gauge.value = value;
    }
    prometheus::ClientMetric &sample(Labels labels) {
        prometheus::ClientMetric &metric = families_.back().metric.emplace_back();
        for (const auto &[name, text] : labels)
            metric.label.push_back({name, std::string(text)});
        return metric;
    }

    // A family of one sample.
    void counter(const std::string &name, const char *help, double value) {
        begin(prometheus::MetricType::Counter, name, help);
        add({}, value);
    }
    void gauge(const std::string &name, const char *help, double value) {
        begin(prometheus::MetricType::Gauge, name, help);
        add({}, value);
    }

    // The families in Prometheus' text format.
    std::string text() const;

private:
    std::vector<prometheus::MetricFamily> families_;
};

} // namespace outbox
