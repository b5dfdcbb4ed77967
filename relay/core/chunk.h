// The bytes that one CopyData brought of one transaction, with the number of records cut from them that the sink has not delivered. Keys
// and payloads are views into the bytes, so nothing is copied on the way to Kafka. A CopyData with several transactions becomes several
// chunks, the first of which owns the memory. Chunks are for one thread.
#pragma once

#include "core/tracker.h"

#include <cstdlib>
#include <memory>
#include <string_view>

namespace outbox {

// The bytes that are held for events which are not delivered, and their bound. While `used` is below the bound one more chunk is let in,
// however large the chunk is.
class Budget {
public:
    explicit Budget(size_t limit) : limit_(limit) {}
    void set_limit(size_t limit) { limit_ = limit; } // bytes that are held already stay

    size_t limit() const { return limit_; }
    bool exhausted() const { return used_ >= limit_; }
    size_t used() const { return used_; }
    void take(size_t bytes) { used_ += bytes; }
    void give_back(size_t bytes) { used_ -= bytes; }

private:
    size_t limit_;
    size_t used_ = 0;
};

struct Free {
    void operator()(char *memory) const { free(memory); }
};
using Memory = std::unique_ptr<char, Free>; // libpq's buffers: PQfreemem is free()

struct CopyData {
    Memory memory;
    std::string_view bytes; // the output plugin's bytes, within the memory
};

class Chunk {
public:
    struct Release {
        void operator()(Chunk *chunk) const { chunk->release(); }
    };
    using Pointer = std::unique_ptr<Chunk, Release>;

    // `bytes` lie within `memory`. The budget outlives every chunk.
    static Pointer create(Memory memory, std::string_view bytes, uint64_t session, Budget &budget) {
        return Pointer(new Chunk(std::move(memory), bytes, session, budget));
    }

    // A chunk for the next transaction in the same memory.
    Pointer sibling() {
        owner_->references_++;
        return Pointer(new Chunk(*owner_));
    }

    std::string_view bytes() const { return bytes_; } // of the whole CopyData
    char *writable(std::string_view part) { return owner_->memory_.get() + (part.data() - owner_->memory_.get()); }

    uint64_t session() const { return session_; }
    Tracker::Number transaction() const { return transaction_; }
    Lsn commit() const { return commit_; }                     // names the transaction: a place in its commit record, see item.h
    int64_t commit_time_ms() const { return commit_time_ms_; } // by the server's clock; 0: not known
    Lsn after() const { return after_; } // the end of the transaction before this one in the session; 0: this one is the first
    void set_transaction(Tracker::Number number, Lsn commit, int64_t commit_time_ms = 0, Lsn after = {}) {
        transaction_ = number;
        commit_ = commit;
        commit_time_ms_ = commit_time_ms;
        after_ = after;
    }

    // One more record of this chunk is in flight; `bytes` is the record's memory beside the chunk's. Each retain() takes one release().
    Chunk *retain(size_t bytes) {
        charge(bytes);
        references_++;
        return this;
    }
    // The record's memory is free, though the chunk is not: `bytes` is at most what retain() charged for the record.
    void give_back(size_t bytes) {
        budget_.give_back(bytes);
        charged_ -= bytes;
    }
    void release() {
        if (--references_ == 0)
            delete this;
    }

private:
    Chunk(Memory memory, std::string_view bytes, uint64_t session, Budget &budget)
        : memory_(std::move(memory)), bytes_(bytes), session_(session), budget_(budget) {
        charge(bytes.size() + sizeof(Chunk) + 64); // and malloc's own header and rounding
    }
    explicit Chunk(Chunk &owner) : owner_(&owner), bytes_(owner.bytes_), session_(owner.session_), budget_(owner.budget_) {
        charge(sizeof(Chunk) + 16);
    }
    ~Chunk() {
        budget_.give_back(charged_);
        if (owner_ != this)
            owner_->release();
    }
    Chunk(const Chunk &) = delete;
    Chunk &operator=(const Chunk &) = delete;

    void charge(size_t bytes) {
        budget_.take(bytes);
        charged_ += bytes;
    }

    Memory memory_;       // of the first chunk
    Chunk *owner_ = this; // the first chunk
    std::string_view bytes_;
    uint64_t session_;
    Tracker::Number transaction_ = 0;
    Lsn commit_{}, after_{};
    int64_t commit_time_ms_ = 0;
    uint32_t references_ = 1;
    size_t charged_ = 0;
    Budget &budget_;
};

} // namespace outbox
