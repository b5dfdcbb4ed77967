// A port on which the proxy listens, the connections that came in there, and how bad the network is for them at the moment. What is in an
// object's public members is set by commands.
#pragma once

#include <cstddef>
#include <list>
#include <string>

#include "test/chaos/proxy/connection.h"

namespace proxy {

constexpr long no_cut = -1;

struct Link {
    int listener = -1;
    int target_port = 0;
    milliseconds delay{0};
    size_t held_bytes_max = 1 << 20; // of one direction of a connection; beyond it the sender has to wait
    bool silent_up = false, silent_down = false, refuses = false;
    long bytes_to_cut = no_cut; // so many more bytes are written before all connections are reset
    std::list<Connection> connections;

    // "[ADDRESS:]LISTEN_PORT:TARGET_PORT". Throws what a usage message says.
    void open(const std::string &ports);
    void accept_one();
    // Writes what is due, closes what is finished.
    void forward();
    void reset_all();
    void forget_all();
    // Undoes delay, cut, silence and refusal.
    void heal();

private:
    void write_out(Connection &connection, Flow &flow, int socket);
    void count_towards_cut(long written);
};

} // namespace proxy
