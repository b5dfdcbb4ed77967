// The owner of an object of a C library: std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>.
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
