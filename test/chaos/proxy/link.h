// A port on which the proxy listens, the connections of that port, and the faults that are in force for them. Commands set an object's
// public members.
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
    size_t held_bytes_max = 1 << 20; // of one direction of a connection; with more the sender has to wait
    bool silent_up = false, silent_down = false, refuses = false;
    long bytes_to_cut = no_cut; // the bytes to write before all connections are reset
    std::list<Connection> connections;

    // "[ADDRESS:]LISTEN_PORT:TARGET_PORT". Throws with the text of a usage message.
    void open(const std::string &ports);
    void accept_one();
    // Writes bytes that are due, and closes finished connections.
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
