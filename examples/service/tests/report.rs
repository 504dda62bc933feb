//! What the load generator makes of what it has measured.

mod support;

use std::time::Duration;

use amphi_service::load::{self, Kind, Plan, Trouble};
use amphi_service::plot;
use amphi_service::report::{Latencies, Report};
use amphi_service::server::{Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use support::in_time;

#[test]
fn percentiles_are_those_of_the_sorted_latencies() {
    let latencies = |count| -> Latencies { (1..=count).rev().map(Duration::from_millis).collect() };
    let asked = [0.0, 0.1, 50.0, 50.1, 99.0, 99.9, 100.0];
    let of_thousand = asked.map(|percent| latencies(1000).percentile(percent).unwrap());
    assert_eq!(
        of_thousand.map(|it| it.as_millis()),
        [1, 1, 500, 501, 990, 999, 1000]
    );
    let of_one = asked.map(|percent| latencies(1).percentile(percent).unwrap());
    assert_eq!(of_one.map(|it| it.as_millis()), [1; 7]);
    assert_eq!(latencies(0).percentile(50.0), None);
}

#[test]
fn all_that_was_asked_for_is_counted_and_drawn() {
    in_time(async {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::new(folder.path().join("test.redb"));
        let server = Server::start(options).await.unwrap();
        // A number that can't be divided evenly.
        let plan = Plan {
            address: server.address().to_string(),
            connections: 7,
            requests: 1_000,
            seed: 1,
        };
        let outcome = load::run(&plan).await;
        server.shutdown().set();
        server.finish().await.unwrap();

        assert_eq!(Latencies::of(&outcome, None).count(), 1_000);
        let kinds = Kind::ALL.map(|kind| Latencies::of(&outcome, Some(kind)).count());
        assert_eq!(kinds.iter().sum::<usize>(), 1_000);
        assert!(kinds.iter().all(|&count| count > 0));
        let text = Report(&outcome).to_string();
        assert!(
            text.starts_with("1000 requests on 7 connections in "),
            "{text}"
        );
        assert!(text.ends_with("every reply was right\n"), "{text}");
        let file = folder.path().join("plot.svg");
        plot::draw(&outcome, &file).unwrap();
        let picture = std::fs::read_to_string(file).unwrap();
        assert!(picture.trim_end().ends_with("</svg>"));
        for text in ["requests a second", "GET", "PUT", "DELETE", "99.9"] {
            assert!(picture.contains(text), "no {text} in it");
        }
    });
}

/// Whoever says the same to everything can't be right.
#[test]
fn a_wrong_reply_is_noticed() {
    in_time(async {
        for nonsense in ["OK\n", "NONE\n", "PONG\n", "VALUE 1\n1\n", "ERROR no\n"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let plan = Plan {
                address: listener.local_addr().unwrap().to_string(),
                connections: 1,
                requests: 100,
                seed: 1,
            };
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 4096];
                while stream.read(&mut asked).await.is_ok_and(|count| count > 0) {
                    stream.write_all(nonsense.as_bytes()).await.unwrap();
                }
            });
            let outcome = load::run(&plan).await;
            let trouble = &outcome.sessions[0].trouble;
            assert!(matches!(trouble, Some(Trouble::Wrong(_))), "{trouble:?}");
            assert!(!Report(&outcome).is_good());
            // There may be little to draw.
            let folder = tempfile::tempdir().unwrap();
            plot::draw(&outcome, &folder.path().join("plot.svg")).unwrap();
        }
    });
}

#[test]
fn without_a_server_it_says_so() {
    in_time(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let plan = Plan {
            address,
            connections: 3,
            requests: 100,
            seed: 1,
        };
        let outcome = load::run(&plan).await;
        let text = Report(&outcome).to_string();
        assert_eq!(text.matches("the connection is lost").count(), 3, "{text}");
    });
}
