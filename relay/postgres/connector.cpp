#include "postgres/connector.h"

namespace outbox {

void Connector::start(std::vector<Host> hosts) {
    stop();
    is_running_ = true;
    tried_ = {};
    hosts_ = std::move(hosts);
    try {
        password_.start(login_);
    } catch (const PasswordMissing &missing) {
        throw StreamLost(missing.what());
    }
    if (!password_.is_waiting())
        begin_look_up();
}

void Connector::begin_look_up() {
    started_at_ = Clock::now();
    std::string problem = password_.password().empty() ? password_file_problem(login_.dsn) : "";
    if (password_file_.changed(problem) && !problem.empty() && purpose_ == Purpose::replication) // the stream's connector alone warns, once
        spdlog::warn("{}", problem);
    for (const Host &host : hosts_)
        if (needs_lookup(host))
            names_.ask(host.name);
    deadline_ = started_at_ + patience_ / 3;
    look_up();
}

void Connector::stop() {
    connection_.reset();
    password_.cancel();
    is_running_ = false;
}

pollfd Connector::wanted() const {
    if (password_.is_waiting())
        return password_.wanted();
    if (is_looking_up())
        return names_.wanted();
    return {PQsocket(connection_.get()), static_cast<short>(polling_ == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
}

// Goes on once the addresses of all names are known; with the known addresses, where another name takes a third of the patience.
void Connector::look_up() {
    names_.take();
    std::vector<Host> known;
    std::string why;
    bool is_complete = true;
    for (const Host &host : hosts_) {
        const NameLookup::Answer *answer = needs_lookup(host) ? names_.answer(host.name) : nullptr;
        if (!needs_lookup(host))
            known.push_back(host);
        else if (answer == nullptr)
            is_complete = false;
        else if (answer->addresses.empty())
            why = "the host name \"" + host.name + "\" has no address: " + answer->error;
        else
            for (const std::string &address : answer->addresses)
                known.push_back({host.name, address, host.port});
    }
    auto now = Clock::now();
    if (!is_complete && now < started_at_ + (known.empty() ? patience_ : patience_ / 3)) {
        deadline_ = started_at_ + (now < started_at_ + patience_ / 3 ? patience_ / 3 : patience_);
        return;
    }
    if (known.empty() && !hosts_.empty())
        fail(!why.empty() ? why : "the host name \"" + hosts_.front().name + "\" is not looked up: the name server does not answer");
    turns_.arrange(known);
    connection_ = start_connection(login_, password_.password(), known, purpose_);
    if (on_notice_)
        send_notices_to(connection_.get(), on_notice_);
    polling_ = PGRES_POLLING_WRITING;
    tried_ = host_of(connection_.get());
    deadline_ = Clock::now() + patience_;
    if (PQstatus(connection_.get()) == CONNECTION_BAD)
        fail(connect_error_of(connection_.get(), login_));
}

Connection Connector::advance() {
    if (password_.is_waiting()) {
        try {
            if (password_.advance())
                begin_look_up();
        } catch (const PasswordMissing &missing) {
            throw StreamLost(missing.what());
        }
        return nullptr;
    }
    if (is_looking_up()) {
        look_up();
        return nullptr;
    }
    auto now = Clock::now();
    if (now >= deadline_)
        fail("PostgreSQL does not answer at " + name_of(tried_));
    polling_ = PQconnectPoll(connection_.get());
    if (Host now_tried = host_of(connection_.get()); now_tried != tried_) {
        tried_ = now_tried;
        deadline_ = now + patience_;
    }
    if (polling_ == PGRES_POLLING_FAILED)
        fail(connect_error_of(connection_.get(), login_));
    if (polling_ != PGRES_POLLING_OK)
        return nullptr;
    PQsetErrorVerbosity(connection_.get(), PQERRORS_DEFAULT);
    is_running_ = false;
    return std::move(connection_);
}

void Connector::fail(const std::string &reason) {
    host_failed();
    throw StreamLost(reason.empty() ? "the connection to PostgreSQL ended" : reason);
}

} // namespace outbox
