//! Step 8: which server. State is per worker, by the service's slot.

#[derive(Default)]
pub(crate) struct Balancers {
    _private: (),
}
