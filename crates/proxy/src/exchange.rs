//! What happened to one request, gathered while it runs and told to `observe` once at its end.

/// Routers and services of one worker, by slot, so that an exchange can name them without touching a
/// counter that other workers touch.
#[derive(Default)]
pub(crate) struct Labels {
    _private: (),
}

/// Remembers which faults were told lately.
#[derive(Default)]
pub(crate) struct FaultLog {
    _private: (),
}
