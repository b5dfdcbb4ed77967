# Starts Kafka once before the tests of a run, and leaves two files in OUTBOX_KAFKA_WARM with which later starts take half the time (see
# Outbox::Kafka).
use strict;
use warnings;

use Outbox::Kafka;
use Test::More;

ok(Outbox::Kafka->new->warm_up, 'warmed up');
done_testing();
