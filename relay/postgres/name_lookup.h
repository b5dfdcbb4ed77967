// Looks up the addresses of names, in a thread of its own for each: getaddrinfo() blocks for as long as the name servers please, and
// nothing can end it earlier. The caller polls. Tested by test/unit/name_lookup_test.cpp.
//
// Of one name at most one look-up is on its way, also where the one who asked has gone. A process that ends does not wait for any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <poll.h>

namespace outbox {

class NameLookup {
public:
    struct Answer {
        std::vector<std::string> addresses; // numeric, in the order in which to try them
        std::string error;                  // where there is none
    };
    using Resolve = std::function<Answer(const std::string &name)>;

    explicit NameLookup(Resolve resolve = resolve_by_system);

    // Begins where the name is not being looked up already. What an earlier look-up found is forgotten.
    void ask(const std::string &name);

    // Null: not yet.
    const Answer *answer(const std::string &name) const;

    // Readable when there is an answer that take() did not take.
    pollfd wanted() const;
    void take();

    static Answer resolve_by_system(const std::string &name);

private:
    struct Shared;
    Resolve resolve_;
    std::shared_ptr<Shared> shared_; // with the threads
    std::map<std::string, bool> pending_;
    std::map<std::string, Answer> answers_;
};

} // namespace outbox
