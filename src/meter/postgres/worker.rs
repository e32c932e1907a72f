//! The worker: what happens beside the path of requests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, NoTls, Socket, Statement};

use super::MIGRATION;
use super::sink::PostgresOptions;
use crate::error::BoxError;
use crate::meter::delivery::{Courier, Target, Undelivered};
use crate::meter::receipt::Receipt;

/// Brings the receipts of a [`PostgresSink`](super::PostgresSink) to the database.
pub struct PostgresWorker {
    courier: Courier,
    config: Config,
    options: PostgresOptions,
}

impl PostgresWorker {
    pub(super) fn new(config: Config, courier: Courier, options: PostgresOptions) -> Self {
        Self { courier, config, options }
    }

    /// Runs until the last sink is gone and the database has everything; spawn it. While it does not run, receipts wait; if it
    /// is dropped, they are lost and counted.
    pub async fn run(self) {
        self.run_with_tls(NoTls).await;
    }

    /// The same over TLS, as the crate that makes it for [`tokio_postgres`] does it.
    pub async fn run_with_tls<T>(self, tls: T)
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        self.courier.run(Table { config: self.config, migrate: self.options.migrate, tls }).await;
    }
}

struct Table<T> {
    config: Config,
    migrate: bool,
    tls: T,
}

type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A connection, which has to be driven for the client to get answers.
struct Connection {
    client: Client,
    driver: Driver,
    insert: Option<Statement>,
}

impl Connection {
    async fn drive<R>(driver: &mut Driver, work: impl Future<Output = Result<R, Error>>) -> Result<R, BoxError> {
        tokio::select! {
            done = work => Ok(done?),
            ended = driver => Err(ended.err().map_or_else(|| "the database closed the connection".into(), BoxError::from)),
        }
    }
}

impl<T> Target for Table<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    type Connection = Connection;

    async fn connect(&self) -> Result<Connection, BoxError> {
        let (client, driver) = self.config.connect(self.tls.clone()).await?;
        let mut driver: Driver = Box::pin(driver);
        if self.migrate {
            Connection::drive(&mut driver, client.batch_execute(MIGRATION)).await?;
        }
        Ok(Connection { client, driver, insert: None })
    }

    async fn deliver(&self, connection: &mut Connection, receipts: &[Receipt]) -> Result<(), Undelivered> {
        let Connection { client, driver, insert } = connection;
        let lines = array(receipts);
        let work = async {
            let statement = match insert {
                Some(statement) => statement,
                None => insert.insert(client.prepare(include_str!("insert.sql")).await?),
            };
            client.execute(statement, &[&lines]).await
        };
        match Connection::drive(driver, work).await {
            Ok(_) => Ok(()),
            Err(error) if is_about_data(&error) => Err(Undelivered::Refused(error)),
            Err(error) => Err(Undelivered::Away(error)),
        }
    }
}

/// Whether the same receipts would fail again on the best of days: SQLSTATE's classes of data and of constraints.
fn is_about_data(error: &BoxError) -> bool {
    let code = error.downcast_ref::<Error>().and_then(Error::code);
    code.is_some_and(|code| code.code().starts_with("22") || code.code().starts_with("23"))
}

/// The receipts as one JSON array.
fn array(receipts: &[Receipt]) -> String {
    let mut array = Vec::with_capacity(1024 * receipts.len());
    for receipt in receipts {
        array.push(if array.is_empty() { b'[' } else { b',' });
        receipt.write_json(&mut array);
    }
    array.push(b']');
    without_nul(String::from_utf8(array).unwrap_or_default())
}

/// Replaces the escapes of NUL, which `jsonb` does not have.
fn without_nul(json: String) -> String {
    const NUL: &str = r"\u0000";
    if !json.contains(NUL) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = escape.strip_prefix(NUL) {
            out.push_str(r"\ufffd");
            rest = after;
        } else {
            // A backslash and what it escapes, which may be another one.
            let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&escape[..length]);
            rest = &escape[length..];
        }
    }
    out + rest
}

impl fmt::Debug for PostgresWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresWorker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_nul_is_replaced() {
        for (json, expected) in [
            (r#"["a\u0000b\u0000"]"#, r#"["a\ufffdb\ufffd"]"#),
            (r#"["\\u0000\\\u0000\n"]"#, r#"["\\u0000\\\ufffd\n"]"#),
            (r#"["\u0001"]"#, r#"["\u0001"]"#),
        ] {
            assert_eq!(without_nul(json.to_owned()), expected);
        }
    }
}
