// bench-latency: commits events on a fixed schedule and watches them come out of Kafka: the time from the return of COMMIT until Kafka
// has appended the event, and until a consumer has it.
//
//   bench-latency CONNINFO BROKERS TOPIC SLOT RATE PER_TRANSACTION SECONDS PAYLOAD_BYTES WATCHED PARTITIONS ISOLATION
//
// The schedule is fixed: a late transaction is committed as soon as a writer is free, and none is left out, so a stall shows in all
// events that it delays. The topic is empty at the start and has LogAppendTime, and a relay reads the slot. The program consumes WATCHED
// partitions, because at high rates a consumer of all would take much of the CPU. An event's key is its number, and hashing makes the
// watched events a fair sample. Prints JSON: quantiles in milliseconds.
#include "test/bench/quantiles.h"

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::system_clock; // comparable with the broker's timestamps

constexpr size_t writers = 8; // more than the commits that are under way at a time, so that a writer is always free
constexpr auto warm_up = 2s;
constexpr auto silence = 1s; // after everything is confirmed
constexpr auto patience = 120s;

int64_t now_us() { return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count(); }

struct Plan {
    std::string conninfo, brokers, topic, slot;
    double rate; // events per second
    size_t per_transaction;
    double seconds;
    size_t payload_bytes;
    int watched;
    std::string isolation;

    size_t warm_up_transactions() const { return static_cast<size_t>(rate / static_cast<double>(per_transaction) * warm_up.count()); }
    size_t transactions() const {
        return warm_up_transactions() + static_cast<size_t>(rate * seconds / static_cast<double>(per_transaction));
    }
    size_t events() const { return transactions() * per_transaction; }
};

class Connection {
public:
    explicit Connection(const std::string &conninfo) : connection_(PQconnectdb(conninfo.c_str()), PQfinish) {
        if (PQstatus(connection_.get()) != CONNECTION_OK)
            fail();
    }

    std::string query(const std::string &sql) { return value(PQexec(connection_.get(), sql.c_str())); }
    void prepare(const std::string &sql) { value(PQprepare(connection_.get(), "it", sql.c_str(), 0, nullptr)); }
    void execute(const std::vector<std::string> &arguments) {
        std::vector<const char *> values;
        for (const std::string &each : arguments)
            values.push_back(each.c_str());
        const int count = static_cast<int>(values.size());
        value(PQexecPrepared(connection_.get(), "it", count, values.data(), nullptr, nullptr, 0));
    }

private:
    [[noreturn]] void fail() { throw std::runtime_error(PQerrorMessage(connection_.get())); }

    std::string value(PGresult *answer) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(answer, PQclear);
        const auto status = PQresultStatus(answer);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            fail();
        return PQntuples(answer) > 0 ? PQgetvalue(answer, 0, 0) : "";
    }

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

// All writers share one schedule: a free writer takes the next transaction.
class Writers {
public:
    explicit Writers(const Plan &plan) : plan_(plan), committed_us_(plan.transactions()), late_us_(plan.transactions()) {
        payload_ = "{\"pad\":\"" + std::string(plan.payload_bytes - 10, 'x') + "\"}";
        for (size_t i = 0; i < writers; i++) {
            connections_.emplace_back(plan.conninfo + " options='-c synchronous_commit=on'");
            connections_[i].prepare("SELECT count(outbox.emit($1, n, $2::text)) FROM generate_series($3::bigint, $4::bigint) AS n");
        }
    }

    void start() {
        start_ = Clock::now() + 100ms;
        for (Connection &connection : connections_)
            threads_.emplace_back([this, &connection] { run(connection); });
    }
    void join() {
        for (std::thread &thread : threads_)
            thread.join();
        if (!failure_.empty())
            throw std::runtime_error(failure_);
    }

    int64_t committed_us(size_t transaction) const { return committed_us_[transaction]; }
    int64_t late_us(size_t transaction) const { return late_us_[transaction]; } // how late the transaction began

private:
    Clock::time_point intended(size_t transaction) const {
        const double seconds = static_cast<double>(transaction * plan_.per_transaction) / plan_.rate;
        return start_ + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
    }

    void run(Connection &connection) {
        try {
            for (size_t transaction; (transaction = next_++) < plan_.transactions();)
                commit(connection, transaction);
        } catch (const std::exception &error) {
            if (!has_failed_.exchange(true))
                failure_ = error.what();
        }
    }

    void commit(Connection &connection, size_t transaction) {
        std::this_thread::sleep_until(intended(transaction));
        late_us_[transaction] = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - intended(transaction)).count();
        const size_t first = transaction * plan_.per_transaction;
        connection.execute({plan_.topic, payload_, std::to_string(first), std::to_string(first + plan_.per_transaction - 1)});
        committed_us_[transaction] = now_us();
    }

    const Plan &plan_;
    std::string payload_;
    std::vector<Connection> connections_;
    std::vector<std::thread> threads_;
    Clock::time_point start_;
    std::atomic<size_t> next_ = 0;
    std::vector<int64_t> committed_us_, late_us_;
    std::atomic<bool> has_failed_ = false;
    std::string failure_;
};

class Watcher {
public:
    explicit Watcher(const Plan &plan) : arrived_us_(plan.events()), appended_ms_(plan.events()) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char reason[512];
        const std::pair<const char *, std::string> settings[] = {
            {"bootstrap.servers", plan.brokers}, {"isolation.level", plan.isolation},
            {"fetch.wait.max.ms", "100"},        {"fetch.min.bytes", "1"}, // the broker answers as soon as it has a record
            {"queued.min.messages", "1000000"},                            // a fetcher whose queue is full pauses for a second
        };
        for (const auto &[name, value] : settings)
            if (rd_kafka_conf_set(conf, name, value.c_str(), reason, sizeof reason) != RD_KAFKA_CONF_OK)
                throw std::runtime_error(reason);
        client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
        if (client_ == nullptr)
            throw std::runtime_error(reason);
        queue_ = rd_kafka_queue_new(client_);
        rd_kafka_topic_t *topic = rd_kafka_topic_new(client_, plan.topic.c_str(), nullptr);
        for (int partition = 0; partition < plan.watched; partition++)
            if (rd_kafka_consume_start_queue(topic, partition, RD_KAFKA_OFFSET_BEGINNING, queue_) != 0)
                throw std::runtime_error("cannot consume");
    }

    void start() {
        thread_ = std::thread([this] { run(); });
    }
    // Ends when no more records come.
    void finish() {
        is_ending_ = true;
        thread_.join();
    }

    size_t arrived() const { return arrived_; }
    int64_t last_arrival_us() const { return last_arrival_us_; }
    int64_t arrived_us(size_t event) const { return arrived_us_[event]; }                // 0: not watched
    int64_t appended_us(size_t event) const { return appended_ms_[event] * 1000 + 500; } // Kafka's timestamps are whole milliseconds

private:
    void run() {
        for (int64_t last = now_us(); !is_ending_ || now_us() - last < std::chrono::microseconds(silence).count();) {
            rd_kafka_message_t *message = rd_kafka_consume_queue(queue_, 100);
            if (message == nullptr)
                continue;
            last = now_us();
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
                take(*message, last);
            rd_kafka_message_destroy(message);
        }
    }

    void take(const rd_kafka_message_t &message, int64_t at_us) {
        const size_t event = std::stoul(std::string(static_cast<const char *>(message.key), message.key_len));
        if (event >= arrived_us_.size() || arrived_us_[event] != 0)
            return;
        rd_kafka_timestamp_type_t type;
        arrived_us_[event] = last_arrival_us_ = at_us;
        appended_ms_[event] = rd_kafka_message_timestamp(&message, &type);
        arrived_++;
    }

    rd_kafka_t *client_;
    rd_kafka_queue_t *queue_;
    std::thread thread_;
    std::atomic<bool> is_ending_ = false;
    std::vector<int64_t> arrived_us_, appended_ms_;
    size_t arrived_ = 0;
    int64_t last_arrival_us_ = 0;
};

void wait_for_confirmation(const Plan &plan) {
    Connection connection(plan.conninfo);
    const std::string end = connection.query("SELECT pg_current_wal_insert_lsn()");
    const std::string question =
        "SELECT confirmed_flush_lsn >= '" + end + "' FROM pg_replication_slots WHERE slot_name = '" + plan.slot + "'";
    const auto deadline = Clock::now() + patience;
    while (connection.query(question) != "t") {
        if (Clock::now() > deadline)
            throw std::runtime_error("the slot is not confirmed");
        std::this_thread::sleep_for(50ms);
    }
}

void report(const Plan &plan, const Writers &writers, const Watcher &watcher) {
    bench::Quantiles appended, visible, late;
    for (size_t t = plan.warm_up_transactions(); t < plan.transactions(); t++) {
        late.add_us(writers.late_us(t));
        for (size_t event = t * plan.per_transaction; event < (t + 1) * plan.per_transaction; event++)
            if (watcher.arrived_us(event) != 0) {
                visible.add_us(watcher.arrived_us(event) - writers.committed_us(t));
                appended.add_us(watcher.appended_us(event) - writers.committed_us(t));
            }
    }
    const size_t first = plan.warm_up_transactions(), last = plan.transactions() - 1;
    const double seconds = static_cast<double>(writers.committed_us(last) - writers.committed_us(first)) / 1e6;
    const double rate = static_cast<double>((last - first) * plan.per_transaction) / seconds;
    // From the first commit to the last arrival: where more is offered than all carry together, this is what they carry.
    const double carried =
        static_cast<double>(plan.events()) / (static_cast<double>(watcher.last_arrival_us() - writers.committed_us(0)) / 1e6);
    std::printf("{\"rate\":%.1f,\"carried\":%.1f,\"events\":%zu,\"seen\":%zu,\"late\":%s,\"appended\":%s,\"visible\":%s}\n", rate, carried,
                plan.events(), visible.size(), late.json().c_str(), appended.json().c_str(), visible.json().c_str());
    std::fflush(stdout);
}

void run(const Plan &plan, bool is_complete) {
    Writers writers(plan);
    Watcher watcher(plan);
    watcher.start();
    std::this_thread::sleep_for(500ms); // until the consumer's fetches wait at the broker
    writers.start();
    writers.join();
    wait_for_confirmation(plan);
    watcher.finish();
    if (is_complete && watcher.arrived() != plan.events())
        throw std::runtime_error("only " + std::to_string(watcher.arrived()) + " events of " + std::to_string(plan.events()) + " arrived");
    report(plan, writers, watcher);
    std::_Exit(0); // without the orderly shutdown of fetchers, which takes long
}

} // namespace

int main(int argc, char **argv) {
    try {
        if (argc != 12)
            throw std::runtime_error("usage: bench-latency CONNINFO BROKERS TOPIC SLOT RATE PER_TRANSACTION SECONDS PAYLOAD_BYTES "
                                     "WATCHED PARTITIONS ISOLATION");
        const Plan plan{argv[1],
                        argv[2],
                        argv[3],
                        argv[4],
                        std::atof(argv[5]),
                        std::strtoul(argv[6], nullptr, 10),
                        std::atof(argv[7]),
                        std::strtoul(argv[8], nullptr, 10),
                        std::atoi(argv[9]),
                        argv[11]};
        run(plan, plan.watched == std::atoi(argv[10]));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench-latency: %s\n", error.what());
        return 1;
    }
}
