//! The server from outside: clients that behave, clients that don't, and what the database has in the end.

mod kept;
mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use amphi_service::client::Client;
use amphi_service::load::{self, Plan, Trouble};
use amphi_service::protocol::{LONGEST_KEY, LONGEST_VALUE, Reply, Request};
use amphi_service::report::Report;
use amphi_service::server::{Options, Server};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use kept::{assert_kept, contents};
use support::in_time;

/// Longer than any case takes.
const FOREVER: Duration = Duration::from_secs(3600);

/// A server with a database of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Place { folder }
    }

    fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("test.redb")
    }

    /// Clients may take their time, unless the case says otherwise.
    fn options(&self) -> Options {
        Options {
            patience: FOREVER,
            grace: FOREVER,
            ..Options::new(self.database())
        }
    }
}

async fn connect(server: &Server) -> Client {
    let client = Client::connect(&server.address().to_string()).await;
    client.expect("the server should accept connections")
}

fn plan(server: &Server, connections: usize, requests: usize) -> Plan {
    Plan {
        address: server.address().to_string(),
        connections,
        requests,
        seed: 7,
    }
}

async fn stop(server: Server) {
    server.shutdown().set();
    server.finish().await.expect("it should stop well");
}

fn key(name: &str) -> Vec<u8> {
    name.into()
}

/// So many requests show whether somebody is served.
const FEW: usize = 40;

/// Someone else is served as if nothing were.
async fn assert_serves(server: &Server) {
    let outcome = load::run(&plan(server, 4, FEW)).await;
    let report = Report(&outcome);
    assert!(report.is_good(), "{report}");
}

#[test]
fn every_acknowledged_write_is_found_again() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(Options {
            compact_every: Duration::from_millis(5),
            ..place.options()
        });
        let server = server.await.unwrap();
        let mut outcomes = Vec::new();
        // Compacting goes on meanwhile, and is to have happened.
        while outcomes.is_empty() || server.counts().compactions.load(Relaxed) == 0 {
            let outcome = load::run(&plan(&server, 8, 4_000)).await;
            let report = Report(&outcome);
            assert!(report.is_good(), "{report}");
            outcomes.push(outcome);
        }
        let values = outcomes.iter().flat_map(|outcome| &outcome.sessions);
        let count = values.map(|session| session.values.len() as u64).sum();
        let counted = connect(&server).await.ask(&Request::Count).await;
        assert_eq!(counted.unwrap(), Reply::Count(count));
        stop(server).await;
        assert_kept(&outcomes, contents(&place.database()));
    });
}

#[test]
fn stopped_amid_a_load_it_keeps_what_it_has_acknowledged() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let plan = plan(&server, 16, 100_000_000);
        let load = tokio::spawn(async move { load::run(&plan).await });
        while server.counts().changes.load(Relaxed) < 1_000 {
            tokio::task::yield_now().await;
        }
        stop(server).await;
        let outcome = load.await.unwrap();
        for session in &outcome.sessions {
            let trouble = session.trouble.as_ref().expect("there was more to ask");
            assert!(matches!(trouble, Trouble::Lost(_)), "{trouble}");
        }
        assert_kept(&[outcome], contents(&place.database()));
    });
}

#[test]
fn a_request_that_is_in_hand_when_the_server_stops_is_answered() {
    in_time(async {
        for _ in 0..20 {
            let place = Place::new();
            let server = Server::start(place.options()).await.unwrap();
            let mut client = connect(&server).await;
            assert_eq!(client.ask(&Request::Ping).await.unwrap(), Reply::Pong);
            let put = Request::Put(key("last"), b"will".to_vec());
            put.write(client.stream()).await.unwrap();
            let shutdown = server.shutdown().clone();
            let stopped = tokio::spawn(server.finish());
            shutdown.set();
            let kept = match client.listen().await {
                Ok(reply) => {
                    assert_eq!(reply, Reply::Done);
                    true
                }
                // It had not been read.
                Err(_) => false,
            };
            stopped.await.unwrap().unwrap();
            let found = contents(&place.database()).remove(&key("last"));
            assert_eq!(found.is_some(), kept);
        }
    });
}

#[test]
fn a_client_killed_amid_a_request_harms_nobody() {
    in_time(async {
        let place = Place::new();
        // With one client at a time, the next is served only when the killed one is gone.
        let options = Options {
            clients: 1,
            ..place.options()
        };
        let server = Server::start(options).await.unwrap();
        let fragments: [&[u8]; 5] = [
            b"",
            b"PU",
            b"PUT killed 100",
            b"PUT killed 100\n12345",
            b"PUT killed 5\n12345",
        ];
        for resets in [false, true] {
            for fragment in fragments {
                let mut client = connect(&server).await;
                client.stream().write_all(fragment).await.unwrap();
                if resets {
                    // A crash of its machine, more or less.
                    client.stream().set_zero_linger().unwrap();
                }
                drop(client);
                assert_eq!(
                    connect(&server)
                        .await
                        .ask(&Request::Get(key("killed")))
                        .await
                        .unwrap(),
                    Reply::Nothing
                );
            }
        }
        stop(server).await;
        assert_eq!(contents(&place.database()).len(), 0);
    });
}

#[test]
fn garbage_harms_nobody() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..20 {
            let mut garbage = vec![0; 64 * 1024];
            random.fill(&mut garbage);
            if round % 2 == 0 {
                // Short lines.
                garbage
                    .iter_mut()
                    .step_by(50)
                    .for_each(|byte| *byte = b'\n');
            }
            let mut client = connect(&server).await;
            let (mut reader, mut writer) = client.stream().split();
            let mut replies = Vec::new();
            // The server may hang up in the middle.
            let (_, read) = tokio::join!(
                async {
                    let _ = writer.write_all(&garbage).await;
                    let _ = writer.shutdown().await;
                },
                reader.read_to_end(&mut replies)
            );
            read.unwrap();
            let replies = String::from_utf8(replies).unwrap();
            assert!(replies.lines().count() > 0);
            assert!(replies.lines().all(|line| line.starts_with("ERROR ")));
            assert_serves(&server).await;
        }
        assert!(server.counts().malformed.load(Relaxed) >= 20);
        stop(server).await;
    });
}

#[test]
fn a_malformed_line_is_refused_and_the_next_one_answered() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let mut client = connect(&server).await;
        let long = format!("GET {}", "x".repeat(LONGEST_KEY + 1));
        for line in [
            "",
            "HELLO",
            "GET",
            "GET ",
            "GET a b",
            "PING PING",
            "ping",
            &long,
        ] {
            let line = format!("{line}\n");
            client.stream().write_all(line.as_bytes()).await.unwrap();
            let reply = client.listen().await.unwrap();
            assert!(matches!(reply, Reply::Error(_)), "{line:?} gave {reply:?}");
        }
        assert_eq!(client.ask(&Request::Ping).await.unwrap(), Reply::Pong);
        stop(server).await;
    });
}

#[test]
fn what_leaves_the_next_request_unknown_ends_the_connection() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let longest = format!("PUT a {}\n", LONGEST_VALUE + 1);
        let long_key = format!("PUT {} 1\n1\n", "x".repeat(LONGEST_KEY + 1));
        let long_line = "x".repeat(100_000);
        for request in [
            &longest,
            &long_key,
            &long_line,
            "PUT a\n",
            "PUT a five\n12345\n",
            "PUT a -1\n",
            "PUT a +1\n1\n",
            "PUT a 99999999999999999999999\n",
            "PUT a 3\n12345\n",
        ] {
            let mut client = connect(&server).await;
            client.stream().write_all(request.as_bytes()).await.unwrap();
            // What follows must not keep the client from reading the reply.
            let value = vec![b'x'; LONGEST_VALUE / 2];
            client.stream().write_all(&value).await.unwrap();
            let reply = client.listen().await.unwrap();
            let start = request.lines().next().unwrap_or_default();
            assert!(
                matches!(reply, Reply::Error(_)),
                "{start:.30?} gave {reply:?}"
            );
            client.stream().shutdown().await.unwrap();
            let mut rest = Vec::new();
            client.stream().read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"", "after {start:.30?}");
            assert_serves(&server).await;
        }
        let counted = connect(&server).await.ask(&Request::Get(key("a"))).await;
        assert_eq!(counted.unwrap(), Reply::Nothing);
        stop(server).await;
    });
}

#[test]
fn the_longest_key_and_value_fit() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let mut client = connect(&server).await;
        let name = vec![0xff; LONGEST_KEY];
        let value: Vec<u8> = (0..LONGEST_VALUE).map(|index| index as u8).collect();
        for value in [value, Vec::new()] {
            let put = Request::Put(name.clone(), value.clone());
            assert_eq!(client.ask(&put).await.unwrap(), Reply::Done);
            let got = client.ask(&Request::Get(name.clone())).await.unwrap();
            assert!(got == Reply::Value(value));
        }
        stop(server).await;
    });
}

#[test]
fn a_client_that_half_closes_gets_its_replies() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let mut client = connect(&server).await;
        let stream = client.stream();
        stream
            .write_all(b"PUT a 2\n\n\n\nGET a\r\nDELETE a\nDELETE a\nCOUNT\nPING\n")
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).await.unwrap();
        assert_eq!(replies, "OK\nVALUE 2\n\n\n\nOK\nNONE\nCOUNT 0\nPONG\n");
        assert_serves(&server).await;
        stop(server).await;
    });
}

#[test]
fn clients_that_send_nothing_keep_nobody_waiting() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(connect(&server).await);
            let mut slow = connect(&server).await;
            slow.stream()
                .write_all(b"PUT slow 100\n12345")
                .await
                .unwrap();
            silent.push(slow);
        }
        assert_serves(&server).await;
        // Nor when it stops, whatever patience it has.
        stop(server).await;
        assert_eq!(contents(&place.database()).get(&key("slow")), None);
    });
}

#[test]
fn a_client_that_reads_nothing_keeps_nobody_waiting() {
    in_time(async {
        let place = Place::new();
        let options = Options {
            grace: Duration::from_millis(20),
            ..place.options()
        };
        let server = Server::start(options).await.unwrap();
        let mut deaf = connect(&server).await;
        let put = Request::Put(key("large"), vec![1; LONGEST_VALUE]);
        assert_eq!(deaf.ask(&put).await.unwrap(), Reply::Done);
        // More than the system keeps for it.
        let asks = 100;
        deaf.stream()
            .write_all(&b"GET large\n".repeat(asks))
            .await
            .unwrap();
        while server.counts().requests.load(Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        assert_serves(&server).await;
        let counts = server.counts().clone();
        stop(server).await;
        // Those of the others, and fewer than it has asked for.
        assert!(counts.requests.load(Relaxed) < FEW + 1 + asks);
    });
}

#[test]
fn a_client_that_takes_too_long_is_sent_away() {
    in_time(async {
        let place = Place::new();
        let patience = Duration::from_millis(50);
        let options = Options {
            patience,
            ..place.options()
        };
        let server = Server::start(options).await.unwrap();
        let start = Instant::now();
        let mut client = connect(&server).await;
        client
            .stream()
            .write_all(b"PUT slow 100\n12345")
            .await
            .unwrap();
        let gone = client.listen().await;
        assert!(gone.is_err(), "{gone:?}");
        assert!(start.elapsed() >= patience);
        stop(server).await;
    });
}

#[test]
fn too_many_clients_wait_for_their_turn() {
    in_time(async {
        let place = Place::new();
        let options = Options {
            clients: 1,
            ..place.options()
        };
        let server = Server::start(options).await.unwrap();
        let mut first = connect(&server).await;
        assert_eq!(first.ask(&Request::Ping).await.unwrap(), Reply::Pong);
        let mut second = connect(&server).await;
        Request::Ping.write(second.stream()).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), second.listen()).await;
        assert!(early.is_err(), "{early:?}");
        assert_eq!(first.ask(&Request::Ping).await.unwrap(), Reply::Pong);
        drop(first);
        assert_eq!(second.listen().await.unwrap(), Reply::Pong);
        stop(server).await;
    });
}

#[test]
fn what_can_not_start_says_so_and_harms_nobody() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        let taken = Options {
            address: server.address().to_string(),
            database: place.folder.path().join("other.redb"),
            ..place.options()
        };
        assert!(Server::start(taken).await.is_err());
        // Another one has the database.
        assert!(Server::start(place.options()).await.is_err());
        let folder = Options::new(place.folder.path());
        assert!(Server::start(folder).await.is_err());
        assert_serves(&server).await;
        stop(server).await;
    });
}

#[test]
fn a_server_that_has_stopped_leaves_room_for_the_next() {
    in_time(async {
        let place = Place::new();
        let server = Server::start(place.options()).await.unwrap();
        assert_serves(&server).await;
        stop(server).await;
        // Whoever comes next can have it at once.
        let server = Server::start(place.options()).await.unwrap();
        assert_serves(&server).await;
        stop(server).await;
    });
}
