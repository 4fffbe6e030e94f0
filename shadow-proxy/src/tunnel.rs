//! After a 101 the connection is no longer HTTP: bytes pass both ways until one side ends.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, copy_bidirectional};

use crate::client_io::ClientIo;
use crate::forward::TunnelEnd;
use crate::upstream::Link;

/// Joins the client to legacy. `early` and what `client` holds came after the upgrade request and wait
/// since; legacy gets them only now, after its 101.
pub(crate) async fn run(
    client: ClientIo,
    early: Bytes,
    end: TunnelEnd,
    link: Link,
) -> io::Result<()> {
    let parts = end.await.map_err(io::Error::other)?;
    // The exchange is over; the socket came out of it.
    drop(link);
    let mut legacy = parts.io.into_inner().into_wire();
    let (mut client, held) = client.into_tunnel();
    client.write_all(&parts.read_buf).await?;
    legacy.write_all(&early).await?;
    legacy.write_all(&held).await?;
    copy_bidirectional(&mut client, &mut legacy).await?;
    Ok(())
}
