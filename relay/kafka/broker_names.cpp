#include "kafka/broker_names.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include <poll.h>

namespace outbox {
namespace {

using std::chrono::steady_clock;

constexpr auto slice = std::chrono::milliseconds(20); // another caller may take the wake-up, and then the next look finds the answer

// An element of a list of addresses. The memory of each is one block, so that release() needs to know nothing else.
struct Element {
    addrinfo info;
    sockaddr_storage address;
};

// Appends copies of the addresses. Throws std::bad_alloc.
addrinfo **append(addrinfo **end, const addrinfo *found) {
    for (; found != nullptr; found = found->ai_next) {
        auto *element = static_cast<Element *>(calloc(1, sizeof(Element)));
        if (element == nullptr)
            throw std::bad_alloc();
        element->info = *found;
        element->info.ai_next = nullptr;
        element->info.ai_canonname = nullptr;
        element->info.ai_addr = reinterpret_cast<sockaddr *>(&element->address);
        memcpy(&element->address, found->ai_addr, found->ai_addrlen);
        *end = &element->info;
        end = &element->info.ai_next;
    }
    return end;
}

// Reads a numeric address, which takes no time.
int read_address(const char *address, const char *service, addrinfo hints, addrinfo ***end) {
    addrinfo *found = nullptr;
    hints.ai_flags |= AI_NUMERICHOST;
    if (int code = getaddrinfo(address, service, &hints, &found); code != 0)
        return code;
    std::unique_ptr<addrinfo, void (*)(addrinfo *)> owned(found, freeaddrinfo);
    *end = append(*end, found);
    return 0;
}

} // namespace

void BrokerNames::release(addrinfo *found) {
    while (found != nullptr)
        free(std::exchange(found, found->ai_next));
}

int BrokerNames::resolve(const char *name, const char *service, const addrinfo &hints, addrinfo **found) {
    *found = nullptr;
    addrinfo **end = found;
    try {
        if (name == nullptr || read_address(name, service, hints, &end) == 0)
            return *found != nullptr ? 0 : EAI_NONAME;
        NameLookup::Answer answer = wait_for(name);
        int code = answer.code;
        for (const std::string &address : answer.addresses)
            code = read_address(address.c_str(), service, hints, &end);
        return *found != nullptr ? 0 : code; // where the hints take no address, the code of the last one
    } catch (const std::bad_alloc &) {
        release(std::exchange(*found, nullptr));
        return EAI_MEMORY;
    } catch (const std::system_error &error) { // no thread, no descriptor
        errno = error.code().value();
        return EAI_SYSTEM;
    }
}

// The answer of the look-up, or EAI_AGAIN.
NameLookup::Answer BrokerNames::wait_for(const std::string &name) {
    auto deadline = steady_clock::now() + patience;
    NameLookup::Answer answer;
    while (true) {
        pollfd wanted;
        {
            std::lock_guard lock(mutex_);
            if (take(name, answer))
                return answer;
            wanted = lookup_.wanted();
        }
        if (steady_clock::now() >= deadline)
            return {{}, gai_strerror(EAI_AGAIN), EAI_AGAIN};
        poll(&wanted, 1, static_cast<int>(slice.count()));
    }
}

// Takes an answer that counts; asks where none is there or on its way.
bool BrokerNames::take(const std::string &name, NameLookup::Answer &answer) {
    lookup_.take();
    const NameLookup::Answer *there = lookup_.answer(name);
    if (there == nullptr || steady_clock::now() > there->at + late_answers_count) {
        lookup_.ask(name);
        return false;
    }
    answer = *there;
    lookup_.forget(name);
    return true;
}

void look_names_up_in_time(rd_kafka_conf_t *conf) {
    // Never destroyed: a thread of a client may still call when the process ends.
    static BrokerNames *names = new BrokerNames;
    rd_kafka_conf_set_resolve_cb(conf, [](const char *name, const char *service, const addrinfo *hints, addrinfo **found, void *) {
        if (name != nullptr || service != nullptr)
            return names->resolve(name, service, *hints, found);
        BrokerNames::release(*found); // librdkafka is done with the addresses
        return 0;
    });
}

} // namespace outbox
