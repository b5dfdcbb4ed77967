// pgx, database/sql, lib/pq, and GORM with a model on the view outbox.events, as test/support/drivers/Drivers.java says.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

const id = "01930000-0000-7000-8000-000000000000"

type order struct {
	Item string `json:"item"`
}

type emit struct {
	topic, placeholders string
	values              []any
}

var text = []byte(`{"item":"Macbook"}`)
var headers = `{"h":"v"}`

// The SQLSTATE, where the server has refused, and not the driver.
func why(err error) string {
	var pgx *pgconn.PgError
	var other *pq.Error
	if errors.As(err, &pgx) {
		return pgx.Code
	} else if errors.As(err, &other) {
		return string(other.Code)
	}
	return "refused by the driver"
}

func try(topic string, err error) {
	if err != nil {
		fmt.Printf("%s: %s\n", topic, why(err))
	}
}

func withPgx(ctx context.Context, url string) {
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	for _, call := range []emit{
		{"pgx.string", "$2, $3, $4, $5", []any{"k", string(text), "type", headers}},
		{"pgx.map_headers", "$2, $3, $4, $5", []any{"k", text, "type", map[string]string{"h": "v"}}},
		{"pgx.bigint", "$2::bigint, $3::jsonb", []any{42, order{"Macbook"}}},
		{"pgx.uuid", "$2::uuid, $3", []any{id, string(text)}},
		{"pgx.bytes", "$2, $3::bytea", []any{"k", []byte{0, 255}}},
		{"pgx.int_without_a_cast", "$2, $3", []any{42, string(text)}},
	} {
		_, err := db.Exec(ctx, "SELECT outbox.emit($1, "+call.placeholders+")", append([]any{call.topic}, call.values...)...)
		try(call.topic, err)
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		topic := "pgx." + strings.ReplaceAll(mode.String(), " ", "_")
		_, err := db.Exec(ctx, "SELECT outbox.emit($1, $2, $3, $4, $5)", mode, topic+"_string", "k", string(text), "type", headers)
		try(topic+"_string", err)
		_, err = db.Exec(ctx, "SELECT outbox.emit($1, $2, $3::bytea)", mode, topic+"_bytea", "k", []byte{0, 255})
		try(topic+"_bytea", err)
		_, err = db.Exec(ctx, "SELECT outbox.emit($1, $2, $3)", mode, topic+"_bytes", "k", []byte{0, 255})
		try(topic+"_bytes", err)
	}
}

func withSQL(ctx context.Context, driver, name, url string) {
	db, err := sql.Open(driver, url)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	calls := []emit{
		{"string", "$2, $3, $4, $5", []any{"k", string(text), "type", headers}},
		{"json_bytes", "$2, $3", []any{"k", text}},
		{"bigint", "$2::bigint, $3", []any{42, string(text)}},
		{"uuid", "$2::uuid, $3", []any{id, string(text)}},
		{"bytes", "$2, $3::bytea", []any{"k", []byte{0, 255}}},
	}
	if driver == "postgres" {
		calls = append(calls, emit{"int", "$2, $3", []any{42, string(text)}}, emit{"map_headers", "$2, $3, NULL, $4", []any{"k", string(text), map[string]string{"h": "v"}}})
	}
	for _, call := range calls {
		topic := name + "." + call.topic
		_, err := db.ExecContext(ctx, "SELECT outbox.emit($1, "+call.placeholders+")", append([]any{topic}, call.values...)...)
		try(topic, err)
	}
}

type event struct {
	ID      string `gorm:"default:(-)"` // RETURNING gives it
	Topic   string
	Key     string
	Type    string
	Payload order `gorm:"serializer:json"`
}

func (event) TableName() string { return "outbox.events" }

func withGorm(url string) {
	db, err := gorm.Open(postgres.Open(url), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	created := event{Topic: "gorm.create", Key: "42", Type: "type", Payload: order{"Macbook"}}
	err = db.Transaction(func(tx *gorm.DB) error { return tx.Create(&created).Error })
	if err != nil || len(created.ID) != len(id) {
		log.Fatal("gorm has no id: ", created.ID, err)
	}
	undo := errors.New("undo")
	err = db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&event{Topic: "gorm.rolled_back", Key: "42"}).Error; err != nil {
			return err
		}
		return undo
	})
	if err != undo {
		log.Fatal(err)
	}
}

func main() {
	ctx := context.Background()
	withPgx(ctx, os.Args[1])
	withSQL(ctx, "pgx", "sql-pgx", os.Args[1])
	withGorm(os.Args[1])
	withSQL(ctx, "postgres", "lib-pq", os.Args[1]+"?sslmode=disable")
}
