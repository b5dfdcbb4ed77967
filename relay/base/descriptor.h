// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>

namespace outbox {

class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {} // below 0: none, with the reason in errno
    ~Descriptor() {
        if (is_open())
            close(descriptor_);
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;

    bool is_open() const { return descriptor_ >= 0; }
    int get() const { return descriptor_; }

private:
    const int descriptor_;
};

} // namespace outbox
