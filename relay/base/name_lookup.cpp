#include "base/name_lookup.h"

#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>

namespace outbox {

struct NameLookup::Shared {
    Shared() : descriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (descriptor < 0)
            throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~Shared() { close(descriptor); }
    Shared(const Shared &) = delete;
    Shared &operator=(const Shared &) = delete;

    const int descriptor;
    std::mutex mutex;
    std::vector<std::pair<std::string, Answer>> answers;
};

NameLookup::NameLookup(Resolve resolve) : resolve_(std::move(resolve)), shared_(std::make_shared<Shared>()) {}

void NameLookup::ask(const std::string &name) {
    answers_.erase(name);
    if (pending_.contains(name))
        return;
    std::thread([name, shared = shared_, resolve = resolve_] {
        Answer answer = resolve(name);
        answer.at = std::chrono::steady_clock::now();
        std::lock_guard lock(shared->mutex);
        shared->answers.emplace_back(name, std::move(answer));
        uint64_t one = 1;
        [[maybe_unused]] ssize_t written = write(shared->descriptor, &one, sizeof(one));
    }).detach();
    pending_.insert(name);
}

const NameLookup::Answer *NameLookup::answer(const std::string &name) const {
    auto found = answers_.find(name);
    return found == answers_.end() ? nullptr : &found->second;
}

pollfd NameLookup::wanted() const { return {shared_->descriptor, POLLIN, 0}; }

void NameLookup::take() {
    uint64_t count;
    [[maybe_unused]] ssize_t size = read(shared_->descriptor, &count, sizeof(count));
    std::lock_guard lock(shared_->mutex);
    for (auto &[name, answer] : shared_->answers) {
        pending_.erase(name);
        answers_[name] = std::move(answer);
    }
    shared_->answers.clear();
}

NameLookup::Answer NameLookup::resolve_by_system(const std::string &name) {
    addrinfo hints = {}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    Answer answer;
    if (int code = getaddrinfo(name.c_str(), nullptr, &hints, &found); code != 0) {
        answer.error = gai_strerror(code);
        answer.code = code;
        return answer;
    }
    for (addrinfo *each = found; each != nullptr; each = each->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0)
            answer.addresses.emplace_back(text);
    }
    freeaddrinfo(found);
    if (answer.addresses.empty())
        answer = {{}, "it has no address", EAI_NONAME};
    return answer;
}

} // namespace outbox
