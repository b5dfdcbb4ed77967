// Looks up the addresses of host names, each in a thread of its own: getaddrinfo() blocks for as long as the name servers take, and nothing
// can end the call earlier. The caller polls. Tested by test/unit/name_lookup_test.cpp.
//
// Of one name at most one look-up is on its way, even where the caller has gone. A process that ends waits for no look-up.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <poll.h>

namespace outbox {

class NameLookup {
public:
    struct Answer {
        std::vector<std::string> addresses;         // numeric, in the order in which to try them
        std::string error;                          // set where there is no address
        int code = 0;                               // the return value of getaddrinfo()
        std::chrono::steady_clock::time_point at{}; // when the answer came
    };
    using Resolve = std::function<Answer(const std::string &name)>;

    explicit NameLookup(Resolve resolve = resolve_by_system);

    // Begins a look-up, unless one of this name is on its way. Forgets the earlier answer. Throws std::system_error where no thread is to
    // be had.
    void ask(const std::string &name);
    void forget(const std::string &name) { answers_.erase(name); } // the answer, not a look-up that is on its way

    // Null: there is no answer yet.
    const Answer *answer(const std::string &name) const;

    // Readable when there is an answer that take() has not taken.
    pollfd wanted() const;
    void take();

    static Answer resolve_by_system(const std::string &name);

private:
    struct Shared;
    Resolve resolve_;
    std::shared_ptr<Shared> shared_; // shared with the threads
    std::set<std::string> pending_;
    std::map<std::string, Answer> answers_;
};

} // namespace outbox
