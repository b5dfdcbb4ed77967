// Orders in PostgreSQL. A Store is one connection, which it opens at the first use, and again after the connection broke; one thread uses
// it.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct Order {
    std::int64_t id;
    std::string item;
    std::string placed_at;
};

// The database refused this order: there is neither the order nor an event.
struct Refused : std::runtime_error {
    using runtime_error::runtime_error;
};

// The database is away, or cannot take orders now. The text says whether the outcome is known.
struct Unavailable : std::runtime_error {
    using runtime_error::runtime_error;
};

class Store {
public:
    explicit Store(std::string conninfo) : conninfo_(std::move(conninfo)) {}

    // Writes the order and its event in one transaction: afterwards both exist, or neither.
    std::int64_t place(const std::string &item);

    // Orders, the newest first.
    std::vector<Order> newest(int limit);

    void ping();

private:
    using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

    void connect();
    void begin();
    std::int64_t insert_and_emit(const std::string &item);
    void commit();
    Result query(const char *sql, const std::vector<std::string> &parameters = {});
    Result query_reconnecting(const char *sql, const std::vector<std::string> &parameters = {});
    bool connected() const { return connection_ && PQstatus(connection_.get()) == CONNECTION_OK; }

    std::string conninfo_;
    Connection connection_{nullptr, PQfinish};
};
