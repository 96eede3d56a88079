//! Where the page is served: on the loopback addresses of this machine, and nowhere else.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use crate::failure::Failure;

/// The usual port, and how many after it are tried.
const PORT: u16 = 7227;
const TRIED: u16 = 50;

/// Listens on a port of both loopback addresses, or of the one that there is.
pub(super) fn listen(port: Option<u16>) -> Result<Vec<TcpListener>, Failure> {
    let Some(port) = port else {
        let free = (PORT..PORT + TRIED).find_map(|port| on(port).ok());
        return free.map_or_else(|| on(0).map_err(|error| failure(PORT, &error)), Ok);
    };
    on(port).map_err(|error| failure(port, &error))
}

fn on(port: u16) -> std::io::Result<Vec<TcpListener>> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let port = match &first {
        Ok(listener) => listener.local_addr()?.port(),
        Err(_) => port,
    };
    let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    match (first, second) {
        (Ok(first), Ok(second)) => Ok(vec![first, second]),
        // Another program's page must not answer where this one is looked for.
        (_, Err(error)) | (Err(error), _) if error.kind() == ErrorKind::AddrInUse => Err(error),
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(vec![one]),
        (Err(error), Err(_)) => Err(error),
    }
}

fn failure(port: u16, error: &std::io::Error) -> Failure {
    let message = format!("cannot serve on port {port} of this machine: {error}");
    match error.kind() {
        ErrorKind::AddrInUse => {
            Failure::with_help(message, "another board or program serves there; --port 0 takes a free one")
        }
        ErrorKind::PermissionDenied => Failure::with_help(message, "take a port above 1023, or 0 for a free one"),
        _ => Failure::new(message),
    }
}

/// What a browser is to open.
pub(super) fn shown(listeners: &[TcpListener]) -> Result<String, Failure> {
    let address = listeners.first().map(TcpListener::local_addr);
    let address = address.transpose().map_err(|error| Failure::new(format!("cannot serve: {error}")))?;
    let address = address.ok_or_else(|| Failure::new("cannot serve: there is no loopback address"))?;
    Ok(format!("http://{address}/"))
}
