//! Step 9: the backend leg: pools, connections, proof.

pub(crate) struct Upstreams {
    _private: (),
}
