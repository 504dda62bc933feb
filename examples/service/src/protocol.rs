//! What clients and the server say to each other.
//!
//! ```text
//! PING                     PONG
//! GET key                  VALUE length, and the value on lines of its own; or NONE
//! PUT key length, value    OK
//! DELETE key               OK, or NONE if there was none
//! COUNT                    COUNT number
//! ```
//!
//! A request is a line of words with one space between them, so that one can try it by hand. A value has
//! any bytes, for its length is said in front; a line break follows it. A key has any bytes but spaces and line breaks.
//!
//! To what it doesn't understand the server says `ERROR` and why. If that was a whole line, the next
//! line is the next request. If it is unknown where the next request begins, the server closes the connection.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// So many bytes at most in a key.
pub const LONGEST_KEY: usize = 256;
/// So many bytes at most in a value. A client can make the server remember that much, and no more.
pub const LONGEST_VALUE: usize = 1 << 20;
/// So many bytes at most in a line, be it an error message.
const LONGEST_LINE: usize = 512;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Are you there?
    Ping,
    /// What is the key's value?
    Get(Vec<u8>),
    /// Let this be the key's value.
    Put(Vec<u8>, Vec<u8>),
    /// Let the key have no value.
    Delete(Vec<u8>),
    /// How many keys have values?
    Count,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a ping.
    Pong,
    /// It is done, and will outlast a crash.
    Done,
    /// The key has no value.
    Nothing,
    /// The key's value.
    Value(Vec<u8>),
    /// The number of keys.
    Count(u64),
    /// It was not understood, or could not be done.
    Error(String),
}

/// Why there is no message.
#[derive(Debug)]
pub enum Bad {
    /// The line makes no sense; the next one may.
    Line(&'static str),
    /// Where the next message begins is not known any more.
    Framing(&'static str),
    /// The connection has failed, or ended within the message.
    Connection(io::Error),
}

impl From<io::Error> for Bad {
    fn from(error: io::Error) -> Self {
        Bad::Connection(error)
    }
}

impl From<Bad> for io::Error {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::Line(what) | Bad::Framing(what) => {
                io::Error::new(io::ErrorKind::InvalidData, what)
            }
            Bad::Connection(error) => error,
        }
    }
}

impl Request {
    /// Reads one; `None` if the client has said all it had to say.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it has read a part of a request, and the rest makes no sense without it.
    pub async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Request>, Bad> {
        let Some(line) = read_line(reader).await? else {
            return Ok(None);
        };
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        Ok(Some(match *words {
            [b"PING"] => Request::Ping,
            [b"COUNT"] => Request::Count,
            [b"GET", key] => Request::Get(checked(key)?),
            [b"DELETE", key] => Request::Delete(checked(key)?),
            [b"PUT", key, length] => {
                // If anything is wrong here, whether a value follows is anybody's guess.
                let key = checked(key).map_err(|_| Bad::Framing(BAD_KEY))?;
                Request::Put(key, read_value(reader, length).await?)
            }
            [b"PUT", ..] => return Err(Bad::Framing("PUT needs a key and a length")),
            _ => return Err(Bad::Line("no such request")),
        }))
    }

    /// Writes it.
    pub async fn write(&self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let message = match self {
            Request::Ping => b"PING\n".to_vec(),
            Request::Count => b"COUNT\n".to_vec(),
            Request::Get(key) => [b"GET ", &key[..], b"\n"].concat(),
            Request::Delete(key) => [b"DELETE ", &key[..], b"\n"].concat(),
            Request::Put(key, value) => {
                let length = format!(" {}\n", value.len());
                [b"PUT ", &key[..], length.as_bytes(), value, b"\n"].concat()
            }
        };
        writer.write_all(&message).await
    }
}

impl Reply {
    /// Reads one; `None` if the server has closed the connection instead.
    ///
    /// # Cancel safety
    ///
    /// As for [`Request::read`].
    pub async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Reply>, Bad> {
        let Some(line) = read_line(reader).await? else {
            return Ok(None);
        };
        if let Some(why) = line.strip_prefix(b"ERROR ") {
            return Ok(Some(Reply::Error(String::from_utf8_lossy(why).into())));
        }
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        Ok(Some(match *words {
            [b"PONG"] => Reply::Pong,
            [b"OK"] => Reply::Done,
            [b"NONE"] => Reply::Nothing,
            [b"VALUE", length] => Reply::Value(read_value(reader, length).await?),
            [b"COUNT", count] => Reply::Count(number(count).ok_or(Bad::Line("that is no count"))?),
            _ => return Err(Bad::Line("no such reply")),
        }))
    }

    /// Writes it.
    pub async fn write(&self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let message = match self {
            Reply::Pong => b"PONG\n".to_vec(),
            Reply::Done => b"OK\n".to_vec(),
            Reply::Nothing => b"NONE\n".to_vec(),
            Reply::Count(count) => format!("COUNT {count}\n").into_bytes(),
            Reply::Value(value) => {
                let head = format!("VALUE {}\n", value.len());
                [head.as_bytes(), value, b"\n"].concat()
            }
            Reply::Error(why) => {
                // A database's message may be long, and have several lines.
                let why: String = why.replace(['\r', '\n'], " ");
                let why: String = why.chars().take(LONGEST_LINE / 8).collect();
                format!("ERROR {why}\n").into_bytes()
            }
        };
        writer.write_all(&message).await
    }
}

const BAD_KEY: &str = "a key has 1 to 256 bytes";

fn checked(key: &[u8]) -> Result<Vec<u8>, Bad> {
    match key.len() {
        1..=LONGEST_KEY => Ok(key.to_vec()),
        _ => Err(Bad::Line(BAD_KEY)),
    }
}

/// Reads a line without its end; `None` if there is nothing more.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>, Bad> {
    let mut line = Vec::new();
    let mut limited = reader.take(LONGEST_LINE as u64);
    limited.read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            Ok(Some(line))
        }
        Some(_) if limited.limit() == 0 => Err(Bad::Framing("the line is too long")),
        Some(_) => Err(cut_off()),
    }
}

/// Reads a value and the end of its line. Memory is taken for what has come, not for what is announced.
async fn read_value(
    reader: &mut (impl AsyncBufRead + Unpin),
    length: &[u8],
) -> Result<Vec<u8>, Bad> {
    let length: usize = number(length).ok_or(Bad::Framing("that is no length"))?;
    if length > LONGEST_VALUE {
        return Err(Bad::Framing("the value is too long"));
    }
    let mut value = Vec::new();
    reader
        .take(length as u64 + 1)
        .read_to_end(&mut value)
        .await?;
    if value.len() <= length {
        return Err(cut_off());
    }
    match value.pop() {
        Some(b'\n') => Ok(value),
        _ => Err(Bad::Framing("the value is longer than announced")),
    }
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    // Not everything that `parse` takes: it would take "+1" as well.
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| all_digits)?;
    digits.parse().ok()
}

fn cut_off() -> Bad {
    Bad::Connection(io::ErrorKind::UnexpectedEof.into())
}
