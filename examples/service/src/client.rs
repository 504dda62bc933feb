//! The other end of a connection.

use std::io;

use tokio::io::BufReader;
use tokio::net::TcpStream;

use crate::protocol::{Reply, Request};

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to a server.
    pub async fn connect(address: &str) -> io::Result<Client> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request and waits for the reply.
    pub async fn ask(&mut self, request: &Request) -> io::Result<Reply> {
        request.write(&mut self.stream).await?;
        self.listen().await
    }

    /// Waits for a reply.
    pub async fn listen(&mut self) -> io::Result<Reply> {
        let reply = Reply::read(&mut self.stream).await?;
        reply.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the server has hung up"))
    }

    /// The connection itself, to say what is no request.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.stream.get_mut()
    }
}
