//! The API server for tests, tested: with the real kubectl, and with clients that count revisions.

mod kubectl;
