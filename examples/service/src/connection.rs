//! One client: a task that reads a request, answers it, and so on.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use crate::database::{Change, Failure};
use crate::protocol::{Bad, Reply, Request};
use crate::server::Shared;
use crate::store::Store;

/// After an error, so much and so long is what the client still sends read and thrown away.
const LEFTOVERS: u64 = 1 << 20;
const LINGER: Duration = Duration::from_secs(1);

/// Serves a client until it has gone, takes too long, or talks nonsense, or the server stops.
pub(crate) async fn serve(mut stream: TcpStream, shared: &Shared) {
    shared.counts.connections.fetch_add(1, Relaxed);
    // Each reply is awaited by somebody.
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    loop {
        let read = Request::read(&mut reader);
        let patience = shared.options.patience;
        let reply = match shared.shutdown.wait().timeout(patience).or(read).await {
            Err(Ok(Some(request))) => answer(request, &shared.store).await,
            Err(Err(Bad::Line(why))) => malformed(why, shared),
            Err(Err(Bad::Framing(why))) => {
                let reply = malformed(why, shared);
                if send(reply, &mut writer, shared).await {
                    hang_up(reader, writer, shared).await;
                }
                return;
            }
            // Stopped, or too slow, or at its end, or cut off.
            Ok(Ok(()) | Err(_)) | Err(Ok(None) | Err(Bad::Connection(_))) => return,
        };
        if !send(reply, &mut writer, shared).await {
            return;
        }
        shared.counts.requests.fetch_add(1, Relaxed);
    }
}

async fn answer(request: Request, store: &Store) -> Reply {
    let answered = match request {
        Request::Ping => Ok(Reply::Pong),
        Request::Count => store.count().await.map(Reply::Count),
        Request::Get(key) => {
            let value = store.get(key).await;
            value.map(|value| value.map_or(Reply::Nothing, Reply::Value))
        }
        Request::Put(key, value) => {
            let put = store.change(Change::Put(key, value)).await;
            put.map(|_| Reply::Done)
        }
        Request::Delete(key) => {
            let deleted = store.change(Change::Delete(key)).await;
            deleted.map(|had_value| match had_value {
                true => Reply::Done,
                false => Reply::Nothing,
            })
        }
    };
    answered.unwrap_or_else(|failure: Failure| Reply::Error(failure.to_string()))
}

fn malformed(why: &str, shared: &Shared) -> Reply {
    shared.counts.malformed.fetch_add(1, Relaxed);
    Reply::Error(why.into())
}

/// Whether the client has accepted the reply, or at least the system for it. Who does not read
/// keeps one task waiting, and that only for a while.
async fn send(reply: Reply, writer: &mut WriteHalf<'_>, shared: &Shared) -> bool {
    let send = reply.write(writer);
    let patience = shared.options.patience;
    let sent = shared.abandon.wait().timeout(patience).or(send).await;
    matches!(sent, Err(Ok(())))
}

/// Closes the connection so that the client can read the last reply: if something it sent were unread, the
/// system would cut the connection, and drop the reply.
async fn hang_up(reader: BufReader<ReadHalf<'_>>, mut writer: WriteHalf<'_>, shared: &Shared) {
    if writer.shutdown().await.is_err() {
        return;
    }
    let mut leftovers = reader.take(LEFTOVERS);
    let mut nowhere = tokio::io::sink();
    let read = tokio::io::copy(&mut leftovers, &mut nowhere);
    // Whatever ends it, the connection is closed now.
    let _ = shared.shutdown.wait().timeout(LINGER).or(read).await;
}
