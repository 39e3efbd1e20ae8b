//! The one place where a failure becomes a status, a reason and an answer.
