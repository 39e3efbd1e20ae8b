//! The lines of a watch.

use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use kube::client::Body;
use tokio::time::timeout;

use super::connection::{ApiError, chain};

/// A stream of lines, each of bounded length.
pub(super) struct Lines {
    body: Body,
    buffer: BytesMut,
    /// How much of the buffer has no line's end in it.
    searched: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            searched: 0,
        }
    }

    /// The next line, without its end; `None` when the stream has ended after a whole line. `idle`: how long
    /// nothing may come before the connection is taken for dead.
    pub(super) async fn next(&mut self, idle: Duration) -> Result<Option<BytesMut>, ApiError> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(end) = fresh.iter().position(|byte| *byte == b'\n') {
                let mut line = self.buffer.split_to(self.searched + end + 1);
                line.truncate(line.len() - 1);
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.searched > MAX_LINE {
                return Err(ApiError::TooLarge(MAX_LINE));
            }
            match timeout(idle, self.body.frame()).await {
                Err(_) => return Err(ApiError::Late),
                Ok(None) if self.buffer.is_empty() => return Ok(None),
                Ok(None) => return Err(ApiError::Malformed("it ends in the middle of a line".to_owned())),
                Ok(Some(Err(error))) => return Err(ApiError::Unreachable(chain(&error))),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

/// An object has 1.5 MiB in etcd, and may be twice that as JSON.
const MAX_LINE: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(text: &str) -> (Vec<String>, Option<ApiError>) {
        let mut lines = Lines::new(Body::from(text.as_bytes().to_vec()));
        let mut read = Vec::new();
        loop {
            match lines.next(Duration::from_secs(1)).await {
                Ok(Some(line)) => read.push(String::from_utf8(line.to_vec()).expect("text")),
                Ok(None) => return (read, None),
                Err(error) => return (read, Some(error)),
            }
        }
    }

    #[tokio::test]
    async fn r15_a_line_without_its_end_is_no_line() {
        let (read, error) = lines("{\"a\":1}\n\n{\"b\":").await;
        assert_eq!(read, ["{\"a\":1}", ""]);
        assert!(matches!(error, Some(ApiError::Malformed(_))), "{error:?}");
        assert_eq!(lines("a\n").await, (vec!["a".to_owned()], None));
    }

    #[tokio::test]
    async fn r15_a_line_without_end_is_not_gathered_for_ever() {
        let (read, error) = lines(&"x".repeat(MAX_LINE + 1)).await;
        assert_eq!((read.len(), error), (0, Some(ApiError::TooLarge(MAX_LINE))));
    }
}
