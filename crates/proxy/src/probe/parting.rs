//! The end of a connection that carried nothing, and the server's verdict on our certificate.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use viaduct_tls::backend_leg::ClientAuthRecord;
use viaduct_tls::reason::fault_of_handshake;
use viaduct_tls::{EndpointTls, Fault, TlsStream};

/// Sends what is left of the handshake, and close_notify. A server that takes our certificate closes, too; one that
/// does not says so in an alert. One that says nothing has not refused it.
pub(super) async fn say_goodbye(
    stream: &mut TlsStream<TcpStream>,
    tls: &EndpointTls,
    asked: Option<&ClientAuthRecord>,
    limit: Duration,
) -> Result<(), Fault> {
    let parting = async {
        stream.shutdown().await?;
        if asked.is_none() {
            return Ok(());
        }
        let mut buffer = [0; 1024];
        let mut read = 0;
        while read < MOST_READ {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => read += count,
            }
        }
        Ok::<_, std::io::Error>(())
    };
    let Ok(Err(error)) = timeout(limit.min(PATIENCE), parting).await else {
        return Ok(());
    };
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(error) => Err(fault_of_handshake(
            error,
            tls.expected(),
            ClientAuthRecord::context(asked),
        )),
        // Closing without close_notify, or by a reset, is rude, not a refusal.
        None => Ok(()),
    }
}

const PATIENCE: Duration = Duration::from_secs(2);
/// Settings and tickets take less.
const MOST_READ: usize = 64 * 1024;
