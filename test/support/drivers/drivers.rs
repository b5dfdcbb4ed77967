// tokio-postgres and sqlx, as test/support/drivers/Drivers.java says.
use serde_json::json;
use sqlx::Connection;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

const TEXT: &str = r#"{"item":"Macbook"}"#;
const HEADERS: &str = r#"{"h":"v"}"#;

async fn with_tokio_postgres(url: &str, id: Uuid) -> Result<(), Box<dyn std::error::Error>> {
    let (db, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let order = json!({"item": "Macbook"});
    let headers = json!({"h": "v"});
    let calls: &[(&str, &str, &[&(dyn ToSql + Sync)])] = &[
        ("str", "$2, $3, $4", &[&"k", &TEXT, &"type"]),
        ("bigint", "$2::bigint, $3::jsonb", &[&42i64, &order]),
        ("uuid", "$2::uuid, $3", &[&id, &TEXT]),
        ("bytes", "$2, $3::bytea", &[&"k", &vec![0u8, 255u8]]),
        ("value_headers", "$2, $3, $4, $5", &[&"k", &TEXT, &"type", &headers]),
        ("str_headers", "$2, $3, $4, $5::text::jsonb", &[&"k", &TEXT, &"type", &HEADERS]),
        ("int_without_a_cast", "$2, $3", &[&42i64, &TEXT]),
    ];
    for (name, placeholders, values) in calls {
        let topic = format!("tokio-postgres.{name}");
        let mut all: Vec<&(dyn ToSql + Sync)> = vec![&topic];
        all.extend_from_slice(values);
        if let Err(error) = db.execute(&format!("SELECT outbox.emit($1, {placeholders})"), &all).await {
            println!("{topic}: {error}");
        }
    }
    Ok(())
}

async fn with_sqlx(url: &str, id: Uuid) -> Result<(), Box<dyn std::error::Error>> {
    let mut db = sqlx::PgConnection::connect(url).await?;
    let order = json!({"item": "Macbook"});
    // A statement of its own each time: sqlx keeps statements by their text, with the types of the first call.
    let emit = |name: &str, placeholders: &str| format!("SELECT outbox.emit('sqlx.{name}', {placeholders})");
    let all = "$1, $2, $3, $4";
    sqlx::query(&emit("str", all)).bind("k").bind(TEXT).bind("type").bind(HEADERS).execute(&mut db).await?;
    sqlx::query(&emit("value", all)).bind("k").bind(&order).bind("type").bind(json!({"h": "v"})).execute(&mut db).await?;
    sqlx::query(&emit("i32", "$1, $2")).bind(42i32).bind(TEXT).execute(&mut db).await?;
    sqlx::query(&emit("i64", "$1, $2")).bind(1i64 << 40).bind(&order).execute(&mut db).await?;
    sqlx::query(&emit("uuid", "$1, $2")).bind(id).bind(TEXT).execute(&mut db).await?;
    sqlx::query(&emit("bytes", "$1, $2")).bind("k").bind(vec![0u8, 255u8]).execute(&mut db).await?;
    let again = sqlx::query(&emit("str", all)).bind("k").bind(TEXT).bind("type").bind(json!({"h": "v"})).execute(&mut db).await;
    if let Some(code) = again.err().and_then(|error| error.into_database_error()).and_then(|error| error.code().map(|code| code.into_owned())) {
        println!("sqlx.other_types: {code}");
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: drivers URL")?;
    let id = Uuid::parse_str("01930000-0000-7000-8000-000000000000")?;
    with_tokio_postgres(&url, id).await?;
    with_sqlx(&url, id).await
}
