//! The program itself, with real signals.
#![cfg(unix)]

mod kept;
mod support;

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use amphi_service::client::Client;
use amphi_service::load::{self, Plan, Trouble};
use amphi_service::protocol::{LONGEST_VALUE, Reply, Request};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use kept::{assert_kept, contents};
use support::in_time;

fn service(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn output(arguments: &[&str]) -> Output {
    service(arguments).output().await.unwrap()
}

/// A server, what it prints, and where it listens.
async fn serve(database: &Path) -> (Child, BufReader<ChildStdout>, String) {
    let database = database.to_str().unwrap();
    let arguments = ["serve", "--address", "127.0.0.1:0", "--database", database];
    let mut server = service(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    printed.read_line(&mut line).await.unwrap();
    let address = line.trim_end().strip_prefix("listening on ");
    let address = address.expect("it says where it listens").to_owned();
    (server, printed, address)
}

async fn interrupt(process: &Child) {
    let id = process.id().expect("it runs").to_string();
    // It is here until it has been waited for, so this is not somebody else's number.
    let sent = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(sent.unwrap().success());
}

#[test]
fn serves_and_loads_until_ctrl_c() {
    in_time(async {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("test.redb");
        let plot = folder.path().join("plot.svg");
        let (mut server, mut printed, address) = serve(&database).await;
        let arguments = [
            "load",
            "--address",
            &address,
            "--connections",
            "5",
            "--requests",
            "2000",
            "--plot",
            plot.to_str().unwrap(),
        ];
        let load = output(&arguments).await;
        let report = String::from_utf8(load.stdout).unwrap();
        assert!(load.status.success(), "{report}");
        assert!(
            report.contains("2000 requests on 5 connections"),
            "{report}"
        );
        assert!(report.contains("every reply was right"), "{report}");
        assert!(plot.exists());
        interrupt(&server).await;
        let mut rest = String::new();
        printed.read_to_string(&mut rest).await.unwrap();
        assert!(server.wait().await.unwrap().success());
        assert!(rest.starts_with("5 connections, 2000 requests"), "{rest}");
    });
}

#[test]
fn ctrl_c_drains_and_what_was_acknowledged_is_there_after_a_restart() {
    in_time(async {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("test.redb");
        let (mut server, _printed, address) = serve(&database).await;
        let many = ["load", "--address", &address, "--requests", "100000000"];
        let load = service(&many).stdout(Stdio::piped()).spawn().unwrap();
        let put = Request::Put(b"key".to_vec(), b"value".to_vec());
        let mut client = Client::connect(&address).await.unwrap();
        assert_eq!(client.ask(&put).await.unwrap(), Reply::Done);
        interrupt(&server).await;
        assert!(server.wait().await.unwrap().success());
        let load = load.wait_with_output().await.unwrap();
        let report = String::from_utf8(load.stdout).unwrap();
        assert_eq!(load.status.code(), Some(1), "{report}");
        assert!(!report.contains("a wrong reply"), "{report}");

        let (mut server, _printed, address) = serve(&database).await;
        let mut client = Client::connect(&address).await.unwrap();
        let get = Request::Get(b"key".to_vec());
        let got = client.ask(&get).await.unwrap();
        assert_eq!(got, Reply::Value(b"value".to_vec()));
        interrupt(&server).await;
        assert!(server.wait().await.unwrap().success());
    });
}

#[test]
fn a_server_that_is_killed_keeps_what_it_has_acknowledged() {
    in_time(async {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("test.redb");
        let (mut server, _printed, address) = serve(&database).await;
        let plan = Plan {
            address: address.clone(),
            connections: 16,
            requests: 100_000_000,
            seed: 5,
        };
        let load = tokio::spawn(async move { load::run(&plan).await });
        // So much has been written at least.
        let mut client = Client::connect(&address).await.unwrap();
        loop {
            match client.ask(&Request::Count).await.unwrap() {
                Reply::Count(count) if count >= 500 => break,
                reply => assert!(matches!(reply, Reply::Count(_)), "{reply:?}"),
            }
        }
        server.kill().await.unwrap();
        let outcome = load.await.unwrap();
        for session in &outcome.sessions {
            let trouble = session.trouble.as_ref().expect("there was more to ask");
            assert!(matches!(trouble, Trouble::Lost(_)), "{trouble}");
        }
        assert_kept(&[outcome], contents(&database));
    });
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    in_time(async {
        let folder = tempfile::tempdir().unwrap();
        let mut time = Duration::from_millis(10);
        loop {
            let (mut server, _printed, address) = serve(&folder.path().join("test.redb")).await;
            // Somebody who reads nothing, so that there is something to wait for.
            let mut deaf = Client::connect(&address).await.unwrap();
            let put = Request::Put(b"large".to_vec(), vec![1; LONGEST_VALUE]);
            assert_eq!(deaf.ask(&put).await.unwrap(), Reply::Done);
            let asks = b"GET large\n".repeat(100);
            deaf.stream().write_all(&asks).await.unwrap();
            tokio::time::sleep(time).await;
            let mut said = BufReader::new(server.stderr.take().unwrap());
            interrupt(&server).await;
            let mut line = String::new();
            said.read_line(&mut line).await.unwrap();
            assert!(line.contains("is finished"), "{line}");
            // It may have ended by itself if the replies had not filled all buffers when it was stopped.
            interrupt(&server).await;
            match server.wait().await.unwrap().code() {
                Some(0) => time *= 2,
                code => return assert_eq!(code, Some(130)),
            }
        }
    });
}

#[test]
fn a_wrong_command_line_is_explained() {
    in_time(async {
        for (arguments, explanation) in [
            (&[][..], "serve or load?"),
            (&["bake"], "serve or load, not \"bake\""),
            (&["serve", "--plot"], "serve has no option \"--plot\""),
            (&["load", "--readers"], "load has no option \"--readers\""),
            (
                &["serve", "--readers", "0"],
                "a number from 1 to 256, not \"0\"",
            ),
            (&["load", "--requests", "many"], "not \"many\""),
            (&["load", "--requests"], "--requests needs a number"),
            (&["load", "--address", "here"], "not \"here\""),
            (&["serve", "--database"], "--database needs a file"),
        ] {
            let output = output(arguments).await;
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert!(said.contains(explanation), "{arguments:?}: {said}");
            assert!(said.contains("Usage:"), "{arguments:?}: {said}");
        }
        let help = output(&["load", "--help"]).await;
        assert!(help.status.success());
        assert!(
            String::from_utf8(help.stdout)
                .unwrap()
                .starts_with("Usage:")
        );
    });
}

#[test]
fn what_can_not_be_done_is_said() {
    in_time(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let serve = ["serve", "--address", "127.0.0.1:0", "--database", path];
        let output = output(&serve).await;
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(path), "{said}");
    });
}

#[test]
fn whether_anybody_reads_it_makes_no_difference() {
    in_time(async {
        let folder = tempfile::tempdir().unwrap();
        let (mut server, printed, address) = serve(&folder.path().join("test.redb")).await;
        drop(printed);
        let arguments = ["load", "--address", &address, "--requests", "500"];
        let mut load = service(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        drop(load.stdout.take());
        assert!(load.wait().await.unwrap().success());
        interrupt(&server).await;
        assert!(server.wait().await.unwrap().success());
    });
}
