# Starts Kafka once for all tests of a run, and leaves in OUTBOX_KAFKA_WARM what makes its later starts take half the time (see
# Outbox::Kafka).
use strict;
use warnings;

use Outbox::Kafka;
use Test::More;

ok(Outbox::Kafka->new->warm_up, 'warmed up');
done_testing();
