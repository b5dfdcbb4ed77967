// go-relay: a relay of the usual Go libraries (pglogrepl and pgoutput in, franz-go out), written as well as it can be, to compare with.
// Mode "table" relays INSERTs of an outbox table; mode "messages" relays pg_logical_emit_message(true, PREFIX, json).
// At-least-once, commit order per key: a transaction's end LSN is confirmed only when its records, and those of every
// transaction before it, are acknowledged by the broker.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	dsn      = flag.String("dsn", "", "replication connection")
	slot     = flag.String("slot", "", "slot (must exist, plugin pgoutput)")
	pub      = flag.String("pub", "", "publication (may be empty of tables in mode messages)")
	topic    = flag.String("topic", "", "topic")
	brokers  = flag.String("brokers", "127.0.0.1:9092", "seed broker")
	mode     = flag.String("mode", "table", "table | messages")
	prefix   = flag.String("prefix", "outbox", "message prefix (mode messages)")
	fast     = flag.Bool("gjson", false, "mode messages: gjson (no validation) instead of encoding/json")
	linger   = flag.Duration("linger", time.Millisecond, "producer linger")
	compress = flag.String("compress", "none", "none | snappy | lz4")
)

// txn counts its records that the broker has not acknowledged, plus one until its commit is read.
type txn struct {
	pending atomic.Int32
	end     pglogrepl.LSN
}

type relay struct {
	conn  *pgconn.PgConn
	kafka *kgo.Client
	fail  context.CancelCauseFunc

	mu    sync.Mutex
	queue []*txn // committed on the server, in commit order, not yet confirmed
	acked pglogrepl.LSN
	idle  pglogrepl.LSN // server's WAL end from a keepalive, valid once the queue is empty
	nudge chan struct{} // a reply was requested
	rel   map[uint32]columns
}

type columns struct{ id, key, typ, payload int }

// confirmed pops finished transactions and returns the position that is safe to confirm.
func (r *relay) confirmed() pglogrepl.LSN {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for n < len(r.queue) && r.queue[n].pending.Load() == 0 {
		r.acked = r.queue[n].end
		r.queue[n] = nil
		n++
	}
	r.queue = r.queue[n:]
	if len(r.queue) == 0 && r.idle > r.acked {
		r.acked = r.idle
	}
	return r.acked
}

// status reports the confirmed position twice a second when it moved, else every 10 s, or at once when asked.
func (r *relay) status(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var sent pglogrepl.LSN
	var at time.Time
	for {
		force := false
		select {
		case <-ctx.Done():
			return
		case <-r.nudge:
			force = true
		case <-tick.C:
		}
		if lsn := r.confirmed(); lsn > 0 && (force || lsn != sent || time.Since(at) > 10*time.Second) {
			if err := r.report(lsn); err != nil {
				r.fail(err)
				return
			}
			sent, at = lsn, time.Now()
		}
	}
}

func (r *relay) report(lsn pglogrepl.LSN) error {
	return pglogrepl.SendStandbyStatusUpdate(context.Background(), r.conn, pglogrepl.StandbyStatusUpdate{WALWritePosition: lsn})
}

// event is a record with room for its headers: one allocation.
type event struct {
	rec kgo.Record
	hdr [2]kgo.RecordHeader
}

func (r *relay) produce(ctx context.Context, t *txn, done func(*kgo.Record, error), key, value, id, typ []byte) {
	e := &event{}
	e.hdr = [2]kgo.RecordHeader{{Key: "id", Value: id}, {Key: "type", Value: typ}}
	e.rec = kgo.Record{Topic: *topic, Key: key, Value: value, Headers: e.hdr[:]}
	t.pending.Add(1)
	r.kafka.Produce(ctx, &e.rec, done) // blocks while the buffer is full: that is the back-pressure
}

type message struct {
	ID      string          `json:"id"`
	Key     string          `json:"aggregateid"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// decode copies what it keeps: the content aliases the receive buffer.
func decode(content []byte) (o message, err error) {
	if !*fast {
		err = json.Unmarshal(content, &o)
		return
	}
	gjson.ParseBytes(content).ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "id":
			o.ID = v.Str
		case "aggregateid":
			o.Key = v.Str
		case "type":
			o.Type = v.Str
		case "payload":
			o.Payload = json.RawMessage(v.Raw)
		}
		return true
	})
	return
}

// read is the only reader of the socket; it never sets a deadline, so nothing races with status().
func (r *relay) read(ctx context.Context) error {
	var t *txn
	var done func(*kgo.Record, error)
	for {
		raw, err := r.conn.ReceiveMessage(context.Background())
		if err != nil {
			return err
		}
		cd, ok := raw.(*pgproto3.CopyData)
		if !ok {
			if e, ok := raw.(*pgproto3.ErrorResponse); ok {
				return pgconn.ErrorResponseToPgError(e)
			}
			continue
		}
		switch cd.Data[0] {
		case pglogrepl.PrimaryKeepaliveMessageByteID:
			k, err := pglogrepl.ParsePrimaryKeepaliveMessage(cd.Data[1:])
			if err != nil {
				return err
			}
			if t == nil {
				r.mu.Lock()
				r.idle = k.ServerWALEnd
				r.mu.Unlock()
			}
			if k.ReplyRequested {
				select {
				case r.nudge <- struct{}{}:
				default:
				}
			}
			continue
		case pglogrepl.XLogDataByteID:
		default:
			continue
		}
		x, err := pglogrepl.ParseXLogData(cd.Data[1:])
		if err != nil {
			return err
		}
		m, err := pglogrepl.Parse(x.WALData)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pglogrepl.BeginMessage:
			cur := &txn{}
			cur.pending.Store(1)
			t, done = cur, func(rec *kgo.Record, err error) {
				if err != nil {
					r.fail(fmt.Errorf("produce: %w", err))
					return
				}
				cur.pending.Add(-1)
			}
		case *pglogrepl.CommitMessage:
			t.end = m.TransactionEndLSN
			r.mu.Lock()
			r.queue = append(r.queue, t)
			r.mu.Unlock()
			t.pending.Add(-1)
			t = nil
		case *pglogrepl.RelationMessage:
			c := columns{-1, -1, -1, -1}
			for i, col := range m.Columns {
				switch col.Name {
				case "id":
					c.id = i
				case "aggregateid":
					c.key = i
				case "type":
					c.typ = i
				case "payload":
					c.payload = i
				}
			}
			if c.id < 0 || c.key < 0 || c.typ < 0 || c.payload < 0 {
				return fmt.Errorf("%s.%s is not an outbox table", m.Namespace, m.RelationName)
			}
			r.rel[m.RelationID] = c
		case *pglogrepl.InsertMessage:
			c, v := r.rel[m.RelationID], m.Tuple.Columns // column data are copies, safe to keep
			r.produce(ctx, t, done, v[c.key].Data, v[c.payload].Data, v[c.id].Data, v[c.typ].Data)
		case *pglogrepl.LogicalDecodingMessage:
			if m.Prefix != *prefix || !m.Transactional {
				continue
			}
			o, err := decode(m.Content)
			if err != nil {
				return fmt.Errorf("message at %s: %w", m.LSN, err)
			}
			r.produce(ctx, t, done, []byte(o.Key), o.Payload, []byte(o.ID), []byte(o.Type))
		}
	}
}

func run() error {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	ctx, fail := context.WithCancelCause(stop)
	defer fail(nil)
	codec := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression()}[*compress]
	kafka, err := kgo.NewClient(kgo.SeedBrokers(*brokers), kgo.ProducerLinger(*linger), kgo.ProducerBatchCompression(codec))
	if err != nil { // idempotence and acks=all are franz-go's defaults; keyed records go by murmur2, as in the Java client
		return err
	}
	defer kafka.Close()
	conn, err := pgconn.Connect(ctx, *dsn)
	if err != nil {
		return err
	}
	args := []string{"proto_version '1'", fmt.Sprintf("publication_names '%s'", *pub)}
	if *mode == "messages" {
		args = append(args, "messages 'true'")
	}
	if err := pglogrepl.StartReplication(ctx, conn, *slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: args}); err != nil {
		return err
	}
	r := &relay{conn: conn, kafka: kafka, fail: fail, nudge: make(chan struct{}, 1), rel: map[uint32]columns{}}
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); r.status(ctx) }()
	go func() { defer wg.Done(); fail(r.read(ctx)) }()
	<-ctx.Done()
	cause := context.Cause(ctx)
	if stop.Err() != nil { // asked to stop: deliver what was read, confirm it, leave
		flush, done := context.WithTimeout(context.Background(), 5*time.Second)
		cause = kafka.Flush(flush)
		done()
		if lsn := r.confirmed(); lsn > 0 {
			cause = errors.Join(cause, r.report(lsn))
		}
	}
	conn.Conn().Close() // wakes read()
	wg.Wait()
	return cause
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
