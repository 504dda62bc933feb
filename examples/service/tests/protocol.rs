//! What is written is read again, and nothing else is.

mod support;

use amphi_service::protocol::{Bad, LONGEST_KEY, Reply, Request};

use support::in_time;

async fn read(mut bytes: &[u8]) -> Result<Option<Request>, Bad> {
    Request::read(&mut bytes).await
}

#[test]
fn requests_are_read_as_they_were_written() {
    in_time(async {
        let requests = [
            Request::Ping,
            Request::Get(b"key".to_vec()),
            Request::Put(vec![0xff; LONGEST_KEY], b"\n PING\r\n\0".to_vec()),
            Request::Put(b"empty".to_vec(), Vec::new()),
            Request::Delete(b"\0".to_vec()),
            Request::Count,
        ];
        let mut bytes = Vec::new();
        for request in &requests {
            request.write(&mut bytes).await.unwrap();
        }
        let mut rest = &bytes[..];
        for request in requests {
            let read = Request::read(&mut rest).await.unwrap();
            assert_eq!(read, Some(request));
        }
        assert_eq!(Request::read(&mut rest).await.unwrap(), None);
    });
}

#[test]
fn replies_are_read_as_they_were_written() {
    in_time(async {
        let replies = [
            Reply::Pong,
            Reply::Done,
            Reply::Nothing,
            Reply::Value(b"\n\nOK\n".to_vec()),
            Reply::Value(Vec::new()),
            Reply::Count(u64::MAX),
            Reply::Error("why".into()),
        ];
        let mut bytes = Vec::new();
        for reply in &replies {
            reply.write(&mut bytes).await.unwrap();
        }
        let mut rest = &bytes[..];
        for reply in replies {
            assert_eq!(Reply::read(&mut rest).await.unwrap(), Some(reply));
        }
        assert_eq!(Reply::read(&mut rest).await.unwrap(), None);
    });
}

#[test]
fn an_error_is_one_line_whatever_it_says() {
    in_time(async {
        let mut bytes = Vec::new();
        let why = "two\nlines\r\n".repeat(1000);
        Reply::Error(why).write(&mut bytes).await.unwrap();
        let mut rest = &bytes[..];
        let read = Reply::read(&mut rest).await.unwrap();
        assert!(matches!(read, Some(Reply::Error(why)) if why.starts_with("two lines  two")));
        assert_eq!(rest, b"");
    });
}

#[test]
fn a_request_is_cut_off_wherever_it_ends_too_soon() {
    in_time(async {
        let whole = b"PUT key 5\n12345\n";
        assert!(matches!(read(b"").await, Ok(None)));
        for end in 1..whole.len() {
            let cut = read(&whole[..end]).await;
            assert!(matches!(cut, Err(Bad::Connection(_))), "{end}: {cut:?}");
        }
        assert!(matches!(read(whole).await, Ok(Some(Request::Put(..)))));
    });
}
