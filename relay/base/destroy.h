// The deleter for an object of a C library, which a std::unique_ptr then owns: std::unique_ptr<rd_kafka_queue_t,
// Destroy<rd_kafka_queue_destroy>>.
#pragma once

namespace outbox {

template <auto destroy>
struct Destroy {
    template <class T>
    void operator()(T *object) const {
        destroy(object);
    }
};

} // namespace outbox
