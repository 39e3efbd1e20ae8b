//! Going down without losing a request.

/// The worker's switch: set once, awaited by every connection.
pub(crate) struct Drain {
    _private: (),
}
