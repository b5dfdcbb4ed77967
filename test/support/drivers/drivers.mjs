// node-pg, postgres.js, and TypeORM with a model on the view outbox.events, as test/support/drivers/Drivers.java says.
import pg from "pg";
import postgres from "postgres";
import { DataSource, EntitySchema } from "typeorm";

const url = process.argv[2];
const order = { item: "Macbook" };
const id = "01930000-0000-7000-8000-000000000000";

async function refused(topic, call) {
  await call.then(
    () => {},
    (error) => console.log(`${topic}: ${error.code}`),
  );
}

async function nodePg() {
  const db = new pg.Client(url);
  await db.connect();
  const emit = (placeholders, ...values) => db.query(`SELECT outbox.emit(${placeholders})`, values);
  await emit("$1, $2, $3, $4, $5", "node-pg.text", "k", JSON.stringify(order), "type", { h: "v" });
  await emit("$1, $2, $3", "node-pg.number", 42, order);
  await emit("$1, $2, $3", "node-pg.bigint", 2n ** 40n, order);
  await emit("$1, $2, $3", "node-pg.uuid", id, order);
  await emit("$1, $2, $3::bytea", "node-pg.bytes", "k", Buffer.from([0, 255]));
  await emit("$1, $2, $3", "node-pg.tombstone", "k", null);
  await emit("$1, $2, $3", "node-pg.list", "k", JSON.stringify([]));
  await emit("$1, $2, $3", "node-pg.an_empty_list", "k", []);
  await refused("node-pg.list_of_numbers", emit("$1, $2, $3", "node-pg.list_of_numbers", "k", [1, 2]));
  await db.end();
}

async function postgresJs() {
  const sql = postgres(url, { max: 1 });
  await sql`SELECT outbox.emit('postgres.js.text', 'k', ${JSON.stringify(order)}, 'type', ${sql.json({ h: "v" })})`;
  await sql`SELECT outbox.emit('postgres.js.number', ${42}, ${sql.json(order)})`;
  await sql`SELECT outbox.emit('postgres.js.uuid', ${id}, ${sql.json(order)})`;
  await sql`SELECT outbox.emit('postgres.js.bytes', 'k', ${Buffer.from([0, 255])})`;
  await sql`SELECT outbox.emit('postgres.js.text_headers', 'k', ${sql.json(order)}, 'type', ${JSON.stringify({ h: "v" })}::text)`;
  await refused("postgres.js.string_headers", sql`SELECT outbox.emit('postgres.js.string_headers', 'k', '{}', 'type', ${JSON.stringify({ h: "v" })})`);
  await sql.end();
}

async function typeOrm() {
  const Event = new EntitySchema({
    name: "Event",
    schema: "outbox",
    tableName: "events",
    columns: {
      id: { type: "uuid", primary: true, generated: "uuid" },
      topic: { type: "text" },
      key: { type: "text", nullable: true },
      type: { type: "text", nullable: true },
      payload: { type: "jsonb", nullable: true },
      headers: { type: "jsonb", nullable: true },
    },
  });
  // Otherwise TypeORM makes the extension uuid-ossp, for a generated uuid that here the view gives.
  const source = new DataSource({ type: "postgres", url, entities: [Event], installExtensions: false });
  await source.initialize();
  const event = { topic: "typeorm.save", key: "42", type: "type", payload: order, headers: { h: "v" } };
  const saved = await source.transaction((tx) => tx.save(Event, event));
  if (!/^[0-9a-f-]{36}$/.test(saved.id)) throw new Error(`TypeORM has no id: ${saved.id}`);
  const [first, second] = await source.transaction((tx) =>
    tx.save(Event, [
      { topic: "typeorm.two_at_once", key: "1", payload: order },
      { topic: "typeorm.two_at_once", key: "2", payload: order },
    ]),
  );
  if (first.id >= second.id) throw new Error("TypeORM has mistaken one id for the other");
  const undone = source.transaction(async (tx) => {
    await tx.insert(Event, { topic: "typeorm.rolled_back", key: "42" });
    throw new Error("undo");
  });
  await undone.catch(() => {});
  await refused("typeorm.no_topic", source.transaction((tx) => tx.insert(Event, { topic: "no topic", key: "42" })));
  await source.destroy();
}

await nodePg();
await postgresJs();
await typeOrm();
