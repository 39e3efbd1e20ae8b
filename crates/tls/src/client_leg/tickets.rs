//! Session tickets whose keys are drawn when the first ticket is made: building a snapshot uses no randomness.

use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// rustls's ticketer (AES-256 and HMAC-SHA-256, keys replaced every six hours), made late. Where the system
/// gives no random bytes there are no tickets.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    keys: OnceLock<Option<Arc<dyn ProducesTickets>>>,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    /// rustls's own: twelve hours.
    fn lifetime(&self) -> u32 {
        self.made().map_or(LIFETIME, |keys| keys.lifetime())
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys
            .get_or_init(|| Ticketer::new().ok())
            .as_ref()?
            .encrypt(plain)
    }

    /// A ticket from before our first is not ours.
    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.made()?.decrypt(cipher)
    }
}

impl Tickets {
    fn made(&self) -> Option<&Arc<dyn ProducesTickets>> {
        self.keys.get()?.as_ref()
    }
}

const LIFETIME: u32 = 12 * 60 * 60;
