//! Rows in the binary form of `COPY … FROM STDIN (FORMAT BINARY)`, several times cheaper for the server than text, most of
//! all for vectors. Hands blocks of a quarter of a megabyte and more to a connection in copy mode.
//! Never knows a table: the caller names the columns and encodes their fields in the same order.

use bytes::{BufMut, BytesMut};
use pgvector::HalfVector;
use sqlx::PgConnection;
use sqlx::postgres::PgCopyIn;
use uuid::Uuid;

use crate::CodebaseError;

/// Enough that a system call per block costs nothing, little enough to keep beside a batch.
const BLOCK_BYTES: usize = 256 * 1024;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const TEXT_OID: i32 = 25;

/// A connection that receives rows. `begin_row`, then one call per column, then `end_row`, until `finish`.
pub(crate) struct BinaryCopy<'c> {
    copy: PgCopyIn<&'c mut PgConnection>,
    columns: i16,
    block: Block,
}

impl<'c> BinaryCopy<'c> {
    /// `statement` is a `copy … from stdin (format binary)` with exactly `columns` columns.
    pub(crate) async fn start(
        connection: &'c mut PgConnection,
        statement: &str,
        columns: i16,
    ) -> Result<BinaryCopy<'c>, CodebaseError> {
        Ok(BinaryCopy {
            copy: connection.copy_in_raw(statement).await?,
            columns,
            block: Block::opening(),
        })
    }

    /// The next row's fields go into the block that is handed back.
    pub(crate) fn begin_row(&mut self) -> &mut Block {
        self.block.bytes.put_i16(self.columns);
        &mut self.block
    }

    /// Sends the block when it is full.
    pub(crate) async fn end_row(&mut self) -> Result<(), CodebaseError> {
        if self.block.bytes.len() >= BLOCK_BYTES {
            self.copy.send(&self.block.bytes[..]).await?;
            self.block.bytes.clear();
        }
        Ok(())
    }

    /// Sends the rest and returns the number of rows that Postgres took.
    pub(crate) async fn finish(mut self) -> Result<u64, CodebaseError> {
        self.block.bytes.put_i16(-1);
        self.copy.send(&self.block.bytes[..]).await?;
        Ok(self.copy.finish().await?)
    }
}

/// Encoded fields that were not sent yet.
pub(crate) struct Block {
    bytes: BytesMut,
}

impl Block {
    fn opening() -> Block {
        let mut bytes = BytesMut::with_capacity(2 * BLOCK_BYTES);
        bytes.put_slice(SIGNATURE);
        bytes.put_i32(0); // flags
        bytes.put_i32(0); // length of the header's extension
        Block { bytes }
    }

    fn length(&mut self, length: usize) {
        let length = i32::try_from(length).expect("a field is far below 2 GiB: files are bounded");
        self.bytes.put_i32(length);
    }

    pub(crate) fn null(&mut self) {
        self.bytes.put_i32(-1);
    }

    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.length(16);
        self.bytes.put_slice(value.as_bytes());
    }

    pub(crate) fn int8(&mut self, value: i64) {
        self.length(8);
        self.bytes.put_i64(value);
    }

    pub(crate) fn int4(&mut self, value: i32) {
        self.length(4);
        self.bytes.put_i32(value);
    }

    pub(crate) fn bytea(&mut self, value: &[u8]) {
        self.length(value.len());
        self.bytes.put_slice(value);
    }

    pub(crate) fn optional_bytea(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bytea(value),
            None => self.null(),
        }
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.bytea(value.as_bytes());
    }

    pub(crate) fn optional_text(&mut self, value: Option<&str>) {
        self.optional_bytea(value.map(str::as_bytes));
    }

    pub(crate) fn text_array(&mut self, values: &[String]) {
        let dimensions = i32::from(!values.is_empty());
        let elements: usize = values.iter().map(|value| 4 + value.len()).sum();
        let bounds = if values.is_empty() { 0 } else { 8 };
        self.length(12 + bounds + elements);
        self.bytes.put_i32(dimensions);
        self.bytes.put_i32(0); // no element is null
        self.bytes.put_i32(TEXT_OID);
        if !values.is_empty() {
            self.length(values.len());
            self.bytes.put_i32(1); // the lower bound
        }
        for value in values {
            self.text(value);
        }
    }

    /// pgvector's `halfvec`: dimension, two unused bytes, the numbers.
    pub(crate) fn half_vector(&mut self, vector: &HalfVector) {
        let values = vector.as_slice();
        let dimension = i16::try_from(values.len()).expect("pgvector ends at 16 000 dimensions");
        self.length(4 + 2 * values.len());
        self.bytes.put_i16(dimension);
        self.bytes.put_i16(0);
        for value in values {
            self.bytes.put_u16(value.to_bits());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use quarry_postgres::testing::test_database;
    use sqlx::{Connection, Row};

    use super::*;

    const COLUMNS: &str = "number, id, line, text, missing, bytes, names, none, vector";

    #[tokio::test]
    async fn every_type_comes_back_as_it_was_sent_however_many_blocks_it_takes() {
        let database = test_database().await;
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql(
            "create extension vector;
             create table sent (
                 number bigint, id uuid, line integer, text text, missing text, bytes bytea, names text[], none text[],
                 vector halfvec(3)
             )",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        let id = Uuid::now_v7();
        let text = "fn größe() -> &'static str {\r\n\t\"\\N\" // 値\n}\n".repeat(2_000);
        let names = vec![
            String::new(),
            "null".to_owned(),
            "a,\"b\"{}\\".to_owned(),
            "größe".to_owned(),
        ];
        let numbers = HalfVector::from_f32_slice(&[65_504.0, -0.1, 1e-7]);

        let statement = format!("copy sent ({COLUMNS}) from stdin (format binary)");
        let mut copy = BinaryCopy::start(&mut connection, &statement, 9).await.unwrap();
        for number in 0..20 {
            let row = copy.begin_row();
            row.int8(i64::MIN + number);
            row.uuid(id);
            row.int4(-1);
            row.text(&text);
            row.optional_text(None);
            row.bytea(&[0, 255, 92]);
            row.text_array(&names);
            row.text_array(&[]);
            row.half_vector(&numbers);
            copy.end_row().await.unwrap();
        }
        assert_eq!(copy.finish().await.unwrap(), 20);

        let rows = sqlx::query("select * from sent order by number")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for (number, row) in (0..).zip(&rows) {
            assert_eq!(row.get::<i64, _>("number"), i64::MIN + number);
            assert_eq!(row.get::<Uuid, _>("id"), id);
            assert_eq!(row.get::<i32, _>("line"), -1);
            assert_eq!(row.get::<String, _>("text"), text);
            assert_eq!(row.get::<Option<String>, _>("missing"), None);
            assert_eq!(row.get::<Vec<u8>, _>("bytes"), [0, 255, 92]);
            assert_eq!(row.get::<Vec<String>, _>("names"), names);
            assert_eq!(row.get::<Vec<String>, _>("none"), Vec::<String>::new());
            assert_eq!(row.get::<HalfVector, _>("vector"), numbers);
        }
    }

    #[tokio::test]
    async fn a_row_that_postgres_refuses_fails_the_copy_and_leaves_the_connection_usable() {
        let database = test_database().await;
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql("create table sent (line integer check (line > 0))")
            .execute(&mut connection)
            .await
            .unwrap();
        let statement = "copy sent (line) from stdin (format binary)";
        let mut copy = BinaryCopy::start(&mut connection, statement, 1).await.unwrap();
        copy.begin_row().int4(0);
        copy.end_row().await.unwrap();
        assert!(matches!(copy.finish().await, Err(CodebaseError::Database(_))));
        let rows: i64 = sqlx::query_scalar("select count(*) from sent")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(rows, 0);
    }
}
