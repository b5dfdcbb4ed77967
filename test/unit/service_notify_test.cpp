// The relay's signs of life to the service manager. test/t/018_status.t has the notifications of the state.
#include "relay/watch/service_notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

// A service manager whose socket has an abstract name.
class ServiceNotifyTest : public testing::Test {
protected:
    ServiceNotifyTest() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
        std::string name = "@outbox-service-notify-" + std::to_string(getpid());
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
        auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr *>(&address), size), 0);
        setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    ~ServiceNotifyTest() override {
        close(socket_);
        for (const char *variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
            unsetenv(variable);
    }

    int signs_of_life() {
        int count = 0;
        char text[256];
        for (ssize_t size; (size = recv(socket_, text, sizeof(text), 0)) >= 0;)
            count += std::string(text, static_cast<size_t>(size)) == "WATCHDOG=1" ? 1 : 0;
        return count;
    }

    Clock::time_point start_ = Clock::now();

private:
    int socket_;
};

TEST_F(ServiceNotifyTest, gives_a_sign_of_life_four_times_in_the_managers_patience) {
    setenv("WATCHDOG_USEC", "60000000", 1);
    setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
    ServiceNotify service;
    service.tell(RelayState::streaming, start_);
    EXPECT_EQ(signs_of_life(), 1);
    service.tell(RelayState::streaming, start_ + 14s);
    EXPECT_EQ(signs_of_life(), 0);
    service.tell(RelayState::streaming, start_ + 15s);
    EXPECT_EQ(signs_of_life(), 1) << "the state is the same, and told";
    for (int second = 16; second <= 75; second++)
        service.tell(RelayState::waiting_for_kafka, start_ + second * 1s);
    EXPECT_EQ(signs_of_life(), 4);
}

TEST_F(ServiceNotifyTest, gives_none_to_a_manager_that_watches_nobody_or_another) {
    for (const char *patience : {"", "0", "-5", "soon"}) {
        setenv("WATCHDOG_USEC", patience, 1);
        ServiceNotify().tell(RelayState::streaming, start_);
    }
    unsetenv("WATCHDOG_USEC");
    ServiceNotify().tell(RelayState::streaming, start_);
    setenv("WATCHDOG_USEC", "60000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    ServiceNotify().tell(RelayState::streaming, start_);
    EXPECT_EQ(signs_of_life(), 0);
}

} // namespace
} // namespace outbox
