//! Step 1: accept.
