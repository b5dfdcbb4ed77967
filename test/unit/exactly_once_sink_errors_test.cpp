// The exactly-once sink and every error that Kafka may answer: in each case the sink reports each event as delivered once, and confirms
// nothing before. librdkafka decides which errors end a producer, and which a Kafka transaction.
#include "small_relay.h"

namespace outbox {
namespace {

using Error = rd_kafka_resp_err_t;
constexpr auto produce = MockKafka::produce;
constexpr auto init = MockKafka::init_producer_id;
constexpr auto add = MockKafka::add_partitions_to_txn;
constexpr auto end = MockKafka::end_txn;

const char *name_of(MockKafka::Request request) {
    return request == produce ? "Produce" : request == init ? "InitProducerId" : request == add ? "AddPartitionsToTxn" : "EndTxn";
}

class ExactlyOnceSinkErrors : public SmallRelay {
protected:
    void start_with_a_delivery() {
        start_session();
        ASSERT_TRUE(run_until_confirmed(add_transaction(3)));
    }

    // Delivers some transactions while Kafka answers the first request of this kind with the error; returns the end of the last.
    Lsn deliver_with(MockKafka::Request request, Error error) {
        int64_t before = kafka_.size_of("orders");
        kafka_.answer(request, error);
        Lsn last{};
        for (int i = 0; i < 3; i++)
            last = add_transaction(5);
        is_quiet_ = request != produce; // so that the records are sent before the position, which is the last record of a batch
        EXPECT_TRUE(run_until_confirmed(last)) << "it never gets there";
        EXPECT_GE(kafka_.size_of("orders") - before, 15) << "what was aborted is there as well, but not less";
        return last;
    }
};

TEST_F(ExactlyOnceSinkErrors, that_pass_or_abort_are_got_over_within_the_session) {
    start_with_a_delivery();
    for (auto [request, error] : {std::pair{produce, RD_KAFKA_RESP_ERR__TRANSPORT},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_POLICY_VIOLATION},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_UNKNOWN},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_INVALID_MSG},
                                  std::pair{produce, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID},
                                  std::pair{add, RD_KAFKA_RESP_ERR__TRANSPORT},
                                  std::pair{add, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
                                  std::pair{add, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
                                  std::pair{add, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
                                  std::pair{add, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
                                  std::pair{add, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
                                  std::pair{add, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING},
                                  std::pair{end, RD_KAFKA_RESP_ERR__TRANSPORT},
                                  std::pair{end, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
                                  std::pair{end, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
                                  std::pair{end, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
                                  std::pair{end, RD_KAFKA_RESP_ERR_NOT_COORDINATOR}}) {
        SCOPED_TRACE(fmt::format("{} is answered with {}", name_of(request), rd_kafka_err2name(error)));
        deliver_with(request, error);
        expect_each_delivered_once();
        EXPECT_EQ(failures_, std::vector<std::string>());
        if (HasFailure())
            return;
    }
}

// The next session may find that the Kafka transaction was committed; then its events do not come again.
TEST_F(ExactlyOnceSinkErrors, that_are_fatal_take_a_new_session) {
    start_with_a_delivery();
    for (auto [request, error] :
         {std::pair{produce, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH}, std::pair{produce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER},
          std::pair{add, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH}, std::pair{add, RD_KAFKA_RESP_ERR_PRODUCER_FENCED},
          std::pair{add, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}, std::pair{end, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
          std::pair{end, RD_KAFKA_RESP_ERR_PRODUCER_FENCED}, std::pair{end, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE},
          std::pair{end, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED},
          std::pair{end,
                    RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING}}) { // librdkafka asks for an abort, but the commit may have taken place
        SCOPED_TRACE(fmt::format("{} is answered with {}", name_of(request), rd_kafka_err2name(error)));
        failures_.clear();
        Lsn last = deliver_with(request, error);
        EXPECT_EQ(failures_.size(), 1u) << "of sinks";
        if (request == end) {
            EXPECT_TRUE(covered_.covers(last, 5)) << "the mock shows a position though its transaction is not committed";
            for (Lsn each : ends_)
                events_[each] = heard_[each];
        }
        expect_each_delivered_once();
        if (HasFailure())
            return;
    }
}

TEST_F(ExactlyOnceSinkErrors, of_fencing_delay_the_beginning) {
    for (Error error :
         {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR})
        kafka_.answer(init, error);
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(3)));
    EXPECT_EQ(failures_, std::vector<std::string>());
    expect_each_delivered_once();
}

TEST_F(ExactlyOnceSinkErrors, of_fencing_that_are_fatal_take_a_new_session) {
    for (Error error : {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
                        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH})
        kafka_.answer(init, error);
    start_session();
    ASSERT_TRUE(run_until_confirmed(add_transaction(3)));
    EXPECT_EQ(failures_.size(), 3u);
    expect_each_delivered_once();
}

} // namespace
} // namespace outbox
