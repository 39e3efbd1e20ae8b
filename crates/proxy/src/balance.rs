//! Step 8: which server. State is per worker, by the service's slot.

pub(crate) struct Balancers {
    _private: (),
}
